from pathlib import Path

import pytest

from smalti.data.text import Corpus, open_corpus
from smalti.errors import InputError

SHAKESPEARE = Path(__file__).resolve().parents[4] / "shared" / "data" / "tinyshakespeare.txt"


def test_the_parts_are_the_text_in_order():
    made = Corpus("x", "".join(chr(0x100 + i) for i in range(1000)), ("x",))
    parts = [made.part(split) for split in ("val", "train", "test")]
    assert list(map(len, parts)) == [20, 880, 100]
    assert "".join(parts) == made.text
    assert made.reason.endswith("test the last 10 %, val the first 2 %: train 880, val 20, test 100 characters")
    with pytest.raises(InputError, match="no split 'all'"):
        made.part("all")


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="needs ../shared/data/tinyshakespeare.txt")
def test_the_test_is_nanogpts_validation_part():
    text = SHAKESPEARE.read_text("utf-8")
    assert open_corpus(SHAKESPEARE).part("test") == text[int(len(text) * 0.9) :]


def test_the_files_of_a_folder_follow_each_other(tmp_path: Path):
    (tmp_path / "b").mkdir()
    for name, text in {
        "c.txt": "third",
        "a.md": "first" * 30,
        "b/x.txt": "second\n",
        "z.bin": "no",
        ".h.txt": "no",
    }.items():
        (tmp_path / name).write_text(text)
    made = open_corpus(tmp_path)
    assert made.text == "first" * 30 + "\nsecond\nthird"
    assert list(made.names) == ["a.md", "b/x.txt", "c.txt"]
    assert made.notes == ("1 file left out that are no text or of no split",)
    assert open_corpus(tmp_path, raw=True).text == "first" * 30 + "second\nthird"


def test_a_folder_names_the_file_that_is_wrong(tmp_path: Path):
    (tmp_path / "good.txt").write_text("good" * 99)
    (tmp_path / "wrong.txt").write_bytes(b"a\xff")
    with pytest.raises(InputError, match=r"wrong\.txt: not UTF-8"):
        open_corpus(tmp_path)


def test_a_folder_without_text_says_what_it_has(tmp_path: Path):
    (tmp_path / "a.bin").write_text("x")
    with pytest.raises(InputError, match=r"no text files found .its 1 file have \.bin."):
        open_corpus(tmp_path)


def test_a_short_text_is_refused(tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("too short")
    with pytest.raises(InputError, match=r"a\.txt: 9 characters are too few"):
        open_corpus(path)


def test_the_fingerprint_is_that_of_the_text():
    one, same, other = (Corpus(name, text * 100, (name,)) for name, text in (("a", "x"), ("b", "x"), ("a", "y")))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"test.txt": "c" * 20, "train.txt": "a" * 100, "valid.txt": "b" * 10}, ("a" * 100, "b" * 10, "c" * 20)),
        (
            {"test/1.txt": "c" * 20, "train/1.txt": "a" * 50, "train/2.txt": "b" * 49},
            ("a" * 48 + "\n" + "b" * 49, "aa", "c" * 20),
        ),
        ({"train.txt": "a" * 100, "val.txt": "b" * 10, "README.md": "x"}, ("a" * 98, "aa", "b" * 10)),
    ],
)
def test_files_that_are_named_as_splits_are_the_splits(tmp_path: Path, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    made = open_corpus(tmp_path)
    assert tuple(made.part(split) for split in ("train", "val", "test")) == expected
    assert made.reason.startswith("split as the files are named: train ")
    assert bool(made.notes) == ("README.md" in files)


def test_one_name_alone_is_no_split(tmp_path: Path):
    (tmp_path / "train.txt").write_text("a" * 1000)
    assert len(open_corpus(tmp_path).part("test")) == 100

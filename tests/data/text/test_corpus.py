from pathlib import Path

import pytest

from smalti.data.text import Corpus, open_corpus
from smalti.errors import InputError

SHAKESPEARE = Path(__file__).resolve().parents[4] / "shared" / "data" / "tinyshakespeare.txt"


def test_the_parts_are_the_text_in_order():
    made = Corpus("x", "".join(chr(0x100 + i) for i in range(1000)), ("x",))
    parts = [made.part(split) for split in ("train", "val", "test")]
    assert list(map(len, parts)) == [880, 20, 100]
    assert "".join(parts) == made.text
    assert "train is characters 0 to 880, val the 20 behind them (2 %), test the last 100 (10 %)" in made.reason
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
    assert made.notes == ("1 file left out that are no text",)
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

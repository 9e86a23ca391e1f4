import gzip
from pathlib import Path

import pytest

from smalti.data.text.asked import asked_texts, is_file_name
from smalti.errors import InputError
from smalti.tokenizers import Bytes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_name_of_a_file_stands_for_its_texts(folder: Path):
    (folder / "reviews.csv").write_text('text,label\n"good, one",a\nbad,b\n')
    (folder / "pairs.jsonl").write_text('{"source": "un", "target": "one"}\n')
    (folder / "packed.jsonl.gz").write_bytes(gzip.compress(b'{"text": "packed"}\n'))
    (folder / "lines.txt").write_text("first\n\nsecond\n")
    (folder / "my lines.log").write_text("a file\n")
    (folder / "good").write_text("without a suffix")
    asked = ["none", "reviews.csv", "packed.jsonl.gz", "lines.txt", "good", "my lines.log"]
    texts = ["none", "good, one", "bad", "packed", "first", "second", "without a suffix", "a file"]
    assert list(asked_texts(asked, "text")) == texts
    assert list(asked_texts([Path("pairs.jsonl")], "source")) == ["un"]


def test_one_bad_file_does_not_stop_the_others(folder: Path):
    (folder / "good.txt").write_text("fine\n")
    (folder / "latin.txt").write_bytes("für\n".encode("latin-1"))
    (folder / "cut.csv").write_text("text,split\n,a\nrest,fold1\n")
    (folder / "PACKED.CSV.GZ").write_bytes(gzip.compress(b"text,id\nhi,1\n"))
    (folder / "other.csv").write_text("note,label\nx,a\n")
    (folder / "empty.txt").touch()
    asked = ["report.txr", "good.txt", "latin.txt", "cut.csv", "other.csv", "empty.txt", ".", Path("none"), "fine"]
    asked += ["PACKED.CSV.GZ", float("nan")]
    found = list(asked_texts(asked, "text"))
    assert [one for one in found if isinstance(one, str)] == ["fine", "rest", "fine", "hi"]
    assert isinstance(found.pop(), float)  # which the model says is no text
    told = {one.where: one.cause for one in found if isinstance(one, InputError)}
    assert told == {
        "report.txr": "cannot be read (no such file)",
        "latin.txt": "not UTF-8 text (0xfc at byte 1)",
        "cut.csv, line 2": "no text",
        "other.csv": "no column text; the columns are note, label",
        "empty.txt": "empty file, zero bytes",
        ".": "cannot be read (a folder)",
        "none": "cannot be read (no such file)",
    }
    assert isinstance(found[0], InputError)
    assert found[0].mend == "check its name, or add --texts if it is a text"
    assert [isinstance(one, str) for one in found].index(True) == 1  # each in its place


def test_what_looks_like_the_name_of_a_file_is_one(folder: Path):
    (folder / "texts").mkdir()
    for name in ("report.txr", "data.csv.gz", "texts/new", "texts/my new.txt", "main.c", "away/report.txt", "texts"):
        assert is_file_name(name), name
    for text in (
        "The cat sat.",
        "a word",
        "word",
        "3/5/1987",
        "5.3.1987",
        "1.5",
        "and/or",
        "What is in report.txt",
        "https://example.org/a.html",
        "wait...",
        "e.g",
        "U.S.A",
        "/shrug",
        "../x",
        "me@example.com",
        "",
        "\0",
        "line\nreport.txt",
    ):
        assert not is_file_name(text), text


def test_a_model_of_bytes_reads_any_file(folder: Path):
    (folder / "any.bin").write_bytes(b"\x00\xff\n\xfe")
    assert [Bytes().to_bytes(Bytes().encode(text)) for text in asked_texts(["any.bin"], "text", raw=True)] == [
        b"\x00\xff",
        b"\xfe",
    ]
    (folder / "plain.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    assert list(asked_texts(["plain.txt"], "text", raw=True)) == ["one", "two"]
    (error,) = asked_texts(["any.bin"], "text")
    assert isinstance(error, InputError)
    assert error.mend == "give a text file in UTF-8, or train with --bytes, which reads any file"

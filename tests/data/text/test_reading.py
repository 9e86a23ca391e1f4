import gzip
from pathlib import Path

import pytest

from smalti.data.text.reading import read_text
from smalti.errors import InputError
from smalti.tokenizers import Bytes


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_mark_and_line_ends_are_made_one(tmp_path: Path):
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbfone\r\ntwo\rthree\n\xe6\x97\xa5")
    assert read_text(path) == "one\ntwo\nthree\n日"


def test_gzip_is_unpacked(tmp_path: Path):
    assert read_text(write(tmp_path / "a.txt.gz", gzip.compress(b"packed\r\n"))) == "packed\n"


def test_raw_gives_every_byte(tmp_path: Path):
    content = bytes(range(256)) + b"\r\n\xef\xbb\xbf"
    text = read_text(write(tmp_path / "a.txt", content), raw=True)
    assert Bytes().to_bytes(Bytes().encode(text)) == content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty file, zero bytes"),
        (b"ab\0cd", "not a text file .a zero byte at byte 2.; .*--bytes"),
        ("wörd ".encode() + b"\xff more", "not UTF-8 text .0xff at byte 6.; .*--bytes"),
        ("ö".encode("latin-1"), "0xf6 at byte 0"),
    ],
)
def test_what_is_no_text_is_told_in_one_line(tmp_path: Path, content: bytes, said: str):
    with pytest.raises(InputError, match=said) as told:
        read_text(write(tmp_path / "a.txt", content))
    assert "a.txt" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "content",
    [b"not packed", gzip.compress(b"text" * 99, mtime=0)[:-9], gzip.compress(b"text", mtime=0)[:5]],
    ids=["no gzip", "cut in the middle", "cut in the header"],
)
def test_a_damaged_gzip_file_cannot_be_read(tmp_path: Path, content: bytes):
    with pytest.raises(InputError, match="cannot be read"):
        read_text(write(tmp_path / "a.txt.gz", content))


def test_a_text_that_is_too_large_is_to_be_divided(tmp_path: Path):
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate((1 << 30) + 1)  # takes no room on the disk
    with pytest.raises(InputError, match=r"cannot be read .larger than 1 GiB, .*; divide it into smaller files"):
        read_text(tmp_path / "a.txt")


def test_a_missing_file_cannot_be_read(tmp_path: Path):
    with pytest.raises(InputError, match=r"cannot be read .No such file"):
        read_text(tmp_path / "none.txt")

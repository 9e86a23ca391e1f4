"""What is no picture is told by how it begins."""

import struct

import pytest

from smalti.data.decoding.decode import decode, probe
from smalti.errors import InputError


def tiff_of_doubles() -> bytes:
    tags = {256: 1, 257: 1, 258: 64, 259: 1, 262: 1, 273: 8, 277: 1, 279: 8, 339: 3}  # one pixel, stored at byte 8
    rows = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IdH", 16, 0.5, len(tags)) + rows + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "zero bytes"),
        (b"hello, I am text", "not a picture"),
        (b"\0" * 4096, "not a picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"%PDF-1.7", "PDF"),
        (b"\n<!DOCTYPE html><html>404</html>", "web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "vector drawing"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (b"PK\x03\x04rest", "zip archive"),
        (tiff_of_doubles(), "TIFF picture that is damaged, or of a kind that is not read"),
        (b"\xff\xd8\xff\xe0", "JPEG picture whose header is damaged"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture whose header is damaged"),
    ],
)
def test_what_is_no_picture_is_said(raw: bytes, what: str) -> None:
    for action in (lambda raw: decode(raw, 3), probe):
        with pytest.raises(InputError, match=what) as caught:
            action(raw)
        assert caught.value.mend

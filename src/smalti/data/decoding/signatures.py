"""What a file is that cannot be opened as a picture, told by how it begins."""

from smalti.data.decoding.heic import heif_version, is_heif
from smalti.errors import InputError, install_line

__all__ = ["DAMAGED", "refusal"]

DAMAGED = "save the picture again from its original, or remove it"  # the mend of what began as a picture

_TIFF = "a TIFF picture that is damaged, or of a kind that is not read (over 4 bands, 64-bit numbers and the like)"
_TIFF_MEND = "save it again from its original, or the bands of all pictures as arrays in an .npz"

# How files begin that are often met in the place of a picture: (at byte, signature, what it is, the mend).
_SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer, not a picture", "fetch the real file with `git lfs pull`"),
    (0, b"%PDF", "a PDF document", "save its pages as PNG or JPEG"),
    (0, b"8BPS", "a Photoshop document", "save it as PNG or JPEG"),
    (0, b"%!PS", "a PostScript document", "save it as PNG or JPEG"),
    (0, b"PK\x03\x04", "a zip archive", "unpack it, or name the archive itself as the data"),
    (0, b"\x1f\x8b", "a gzip archive", "unpack it, or name the archive itself as the data"),
    (0, b"\xff\xd8\xff", "a JPEG picture whose header is damaged or cut short", DAMAGED),
    (0, b"\x89PNG", "a PNG picture whose header is damaged or cut short", DAMAGED),
    (8, b"WEBP", "a WebP picture whose header is damaged or cut short", DAMAGED),
    (0, b"GIF8", "a GIF picture whose header is damaged or cut short", DAMAGED),
    (0, b"II*\0", _TIFF, _TIFF_MEND),
    (0, b"MM\0*", _TIFF, _TIFF_MEND),
    (0, b"BM", "a BMP picture whose header is damaged or cut short", DAMAGED),
)


def refusal(raw: bytes) -> InputError:
    """The error that says what the file is, and the way from it to a picture."""
    if is_heif(raw):
        if heif_version():
            return InputError("an HEIC picture whose header is damaged or cut short", mend=DAMAGED)
        mend = f"{install_line('pillow-heif')}, or save it as JPEG"
        return InputError("an HEIC picture, which is not read yet", mend=mend)
    for at, signature, what, mend in _SIGNATURES:
        if raw[at : at + len(signature)] == signature:
            return InputError(what, mend=mend)
    start = bytes(raw[:256]).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return InputError("a web page, not a picture", mend="download the picture itself")
    if b"<svg" in start or start.startswith(b"<?xml"):
        return InputError("a vector drawing or XML, not a picture", mend="save it as PNG")
    return InputError(
        "not a picture", why="its first bytes are those of no known format", mend="remove it, or save it as PNG or JPEG"
    )

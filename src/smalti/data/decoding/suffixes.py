"""Which kinds of pictures are read, and how their files are named."""

from smalti.data.decoding.heic import HEIF_SUFFIXES, heif_version

__all__ = ["FOREIGN_SUFFIXES", "FORMATS", "PICTURE_SUFFIXES", "UNREAD_SUFFIXES"]

# The formats that are tried, with their file name suffixes. Left out: those that start another program (EPS), that only
# one vendor reads, or that have no signature, so that any file could pass for a picture (TGA).
FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "ICO": (".ico",),
    "PCX": (".pcx",),
    "QOI": (".qoi",),
    "HEIF": HEIF_SUFFIXES,  # where the extra is installed
}
PICTURE_SUFFIXES = frozenset(suffix for name in FORMATS if name != "HEIF" or heif_version() for suffix in FORMATS[name])
# Pictures as well, but never read: the raw files of cameras, and those of medicine, painting and rendering.
FOREIGN_SUFFIXES = {
    *(".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2"),
    *(".dcm", ".dicom", ".nii", ".svs", ".psd", ".tga", ".exr"),
}
# The same, with what phones write where the extra is not installed.
UNREAD_SUFFIXES = {*FOREIGN_SUFFIXES, *HEIF_SUFFIXES} - PICTURE_SUFFIXES

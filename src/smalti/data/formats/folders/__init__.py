"""Class folders: `<class>/**/picture`, or the same under `train/`, `val/` and `test/`, in a folder or an archive."""

from smalti.data.formats.folders.reading import class_folders

__all__ = ["class_folders"]

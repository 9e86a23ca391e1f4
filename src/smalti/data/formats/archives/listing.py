"""Which members of an archive count, and what is said of the others."""

from array import array
from collections.abc import Iterable, Iterator

from smalti.data.formats.archives.members import Member
from smalti.data.formats.tree import is_ignored
from smalti.errors import counted, few

__all__ = ["Listing"]


class Listing:
    """What is found in an archive while its files are gone through.

    `places` has five numbers a file, those of a `Place`; `folders` are all that hold something and all that are named.
    """

    def __init__(self) -> None:
        self.places = array("q")
        self.folders: set[str] = set()
        self._unsafe: list[str] = []
        self._special: list[str] = []

    def files(self, members: Iterable[Member]) -> Iterator[str]:
        """The paths of the files that count; their places and all else is kept here."""
        for name, place, is_folder in members:
            path = _clean(name)
            if place is None and not is_folder:
                self._special.append(name)
            elif path is None:
                if not is_folder:
                    self._unsafe.append(name)
            elif not any(map(is_ignored, path.split("/"))):
                self._add_folder(path if is_folder else path.rpartition("/")[0])
                if place is not None:
                    self.places.extend(place)
                    yield path

    def _add_folder(self, folder: str) -> None:
        """With all around it."""
        while folder and folder not in self.folders:
            self.folders.add(folder)
            folder = folder.rpartition("/")[0]

    def notes(self) -> tuple[str, ...]:
        """What was skipped."""
        skipped = ((self._special, "links or special files"), (self._unsafe, "names lead out of the archive"))
        return tuple(f"{counted(len(names), 'member')} skipped, {why}: {few(names)}" for names, why in skipped if names)


def _clean(name: str) -> str | None:
    """A member's name as a relative path; None where it leads out of the archive."""
    if "\\" in name and "/" not in name:  # zips made on Windows by old tools
        name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts or not parts else "/".join(parts)

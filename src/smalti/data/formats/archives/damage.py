"""How damage is told: of a whole archive, and of one member."""

import errno

from smalti.errors import InputError

__all__ = ["cut_short", "damaged_inside"]


def cut_short(archive: str, path: str, error: Exception) -> InputError:
    """Of an archive ("zip archive") that cannot be gone through; `error` says why."""
    mend = "make or download the archive again"
    return InputError(f"the {archive} is damaged or cut short", where=path, why=str(error), mend=mend)


def damaged_inside(error: Exception | None = None) -> OSError:
    """Of a member; the others may be whole."""
    return OSError(errno.EBADMSG, "damaged inside the archive" + ("" if error is None else f", {error}"))

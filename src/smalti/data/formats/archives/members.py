"""What is known of a member of an archive before it is read."""

__all__ = ["MISSING", "TAR", "Member", "Place"]

Place = tuple[int, int, int, int, int]  # offset, stored size, true size, zip method or one of those below, CRC-32
Member = tuple[str, Place | None, bool]  # name; where it is, None for what is no file; whether it is a folder

# In place of a zip method.
MISSING = -1  # no member at all
TAR = -2  # a tar member: its bytes as they are, without a local header

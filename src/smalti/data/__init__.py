"""Files and batches: what lies on disk, whether it can be trusted, and how it becomes tensors."""

from typing import TYPE_CHECKING, Any

from smalti.data.preprocess import Preprocess
from smalti.data.source import Source

if TYPE_CHECKING:
    from smalti.data.opening import open  # noqa: A004 - data.open

__all__ = ["Preprocess", "Source", "open"]


def __getattr__(name: str) -> Any:
    """`open` with all its formats, when first used: a picture to predict on needs none of them."""
    if name == "open":
        from smalti.data import opening

        return opening.open
    raise AttributeError(f"module 'smalti.data' has no attribute {name!r}")

"""Files and batches: what lies on disk, whether it can be trusted, and how it becomes tensors."""

from smalti.data.opening import open  # noqa: A004 - data.open
from smalti.data.preprocess import Preprocess
from smalti.data.source import Source

__all__ = ["Preprocess", "Source", "open"]

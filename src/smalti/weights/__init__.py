"""Other people's names for the same weights."""

from smalti.weights.timm import from_timm, to_timm

__all__ = ["from_timm", "to_timm"]

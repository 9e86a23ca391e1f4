"""Other people's names for the same weights, and their files."""

from smalti.weights.fit import DifferenceError, fit_classes, fit_input, load_strictly
from smalti.weights.google import from_google
from smalti.weights.huggingface import HUGGINGFACE
from smalti.weights.reading import Published, read_published
from smalti.weights.timm import from_timm, to_timm
from smalti.weights.translate import to_ours

__all__ = [
    "HUGGINGFACE",
    "DifferenceError",
    "Published",
    "fit_classes",
    "fit_input",
    "from_google",
    "from_timm",
    "load_strictly",
    "read_published",
    "to_ours",
    "to_timm",
]

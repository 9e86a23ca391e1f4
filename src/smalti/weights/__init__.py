"""Other people's names for the same weights, and their files."""

from smalti.weights.fit import DifferenceError, fit_classes, fit_input, load_strictly
from smalti.weights.google import from_google
from smalti.weights.hub import is_hub_name, pinned, read_hub
from smalti.weights.huggingface import HUGGINGFACE, options_from_huggingface, preset_of, refuse_others, sizes_of
from smalti.weights.reading import Published, read_published
from smalti.weights.text import options_of, text_from_huggingface, text_to_huggingface
from smalti.weights.timm import from_timm, options_from_timm, to_timm
from smalti.weights.translate import to_ours

__all__ = [
    "HUGGINGFACE",
    "DifferenceError",
    "Published",
    "fit_classes",
    "fit_input",
    "from_google",
    "from_timm",
    "is_hub_name",
    "load_strictly",
    "options_from_huggingface",
    "options_from_timm",
    "options_of",
    "pinned",
    "preset_of",
    "read_hub",
    "read_published",
    "refuse_others",
    "sizes_of",
    "text_from_huggingface",
    "text_to_huggingface",
    "to_ours",
    "to_timm",
]

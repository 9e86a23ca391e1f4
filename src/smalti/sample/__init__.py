"""How to draw from a model that was trained to continue."""

from smalti.sample.autoregressive import Generative, generate
from smalti.sample.beams import beam_search
from smalti.sample.filters import choose, keep_top_k, keep_top_p
from smalti.sample.translate import Translator, translate
from smalti.sample.writing import Until, write

__all__ = [
    "Generative",
    "Translator",
    "Until",
    "beam_search",
    "choose",
    "generate",
    "keep_top_k",
    "keep_top_p",
    "translate",
    "write",
]

"""A ready model of text: texts in, answers or more text out. Loads without any training code."""

from smalti.ready_text.answers import write_targets
from smalti.ready_text.loading import prepared, text_model
from smalti.ready_text.model import TextModel, TextPrediction, no_beams

__all__ = ["TextModel", "TextPrediction", "no_beams", "prepared", "text_model", "write_targets"]

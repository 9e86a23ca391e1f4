"""Published weights into a model file: the right names, the right size, the preprocessing they were trained with."""

from smalti.importing.preprocess import RESAMPLE
from smalti.importing.published import Imported, import_weights, published_model
from smalti.importing.translated import Translated

__all__ = ["RESAMPLE", "Imported", "Translated", "import_weights", "published_model"]

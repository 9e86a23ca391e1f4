"""A ready model: pictures in, answers out. Loads without any training code."""

from smalti.data.handed_in import Picture
from smalti.ready.loading import load, picture_model
from smalti.ready.model import Model, Prediction

__all__ = ["Model", "Picture", "Prediction", "load", "picture_model"]

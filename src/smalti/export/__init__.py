"""A trained model for other software."""

from smalti.export.folders import Exported, export

__all__ = ["Exported", "export"]

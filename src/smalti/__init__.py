"""smalti: one Transformer, from patches to products.

import smalti

result = smalti.train("photos/", minutes=5)
model = smalti.load(result.model)
model.predict("new.jpg")[0].label
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from smalti._version import __version__

if TYPE_CHECKING:
    from smalti.api import (
        check,
        create_model,
        evaluate,
        export,
        import_weights,
        list_models,
        load,
        predict,
        probe,
        quickstart,
        resume,
        sample,
        train,
    )

__all__ = [
    "__version__",
    "check",
    "create_model",
    "evaluate",
    "export",
    "import_weights",
    "list_models",
    "load",
    "predict",
    "probe",
    "quickstart",
    "resume",
    "sample",
    "train",
]


def __getattr__(name: str) -> Any:
    """The public calls, imported when first used: importing smalti costs nothing and loads no torch, and asking a
    finished model loads nothing that trains one."""
    if name in __all__:
        home = "smalti.answering" if name in ("load", "predict", "sample") else "smalti.api"
        return getattr(import_module(home), name)
    raise AttributeError(f"module 'smalti' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)


class _Door(ModuleType):
    """Keeps `smalti.train` and `smalti.evaluate` the calls they are, though rooms of the same names are imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):  # how the import system binds a sub-package
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door

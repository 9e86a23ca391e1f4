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

_HOMES = {  # of the calls that need not load all
    "create_model": "smalti.models",
    "list_models": "smalti.models",
    "load": "smalti.answering",
    "predict": "smalti.answering",
    "sample": "smalti.answering",
}


def __getattr__(name: str) -> Any:
    """The public calls, imported when first used: importing smalti costs nothing and loads no torch, and asking a
    finished model loads nothing that trains one."""
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "smalti.api")), name)
    raise AttributeError(f"module 'smalti' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)


class _Door(ModuleType):
    """Keeps `train`, `evaluate`, `sample` and `export` the calls they are. Rooms have these names too, and the import
    system binds a room to its name here when something of it is first imported, which a lazy call cannot forestall.

    `from smalti.train import loop` finds the room all the same; `import smalti.train as room` does not.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door

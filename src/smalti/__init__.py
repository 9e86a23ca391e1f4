"""smalti: one Transformer, from patches to products.

    import smalti

    result = smalti.train("photos/", minutes=5)
    model = smalti.load(result.model)
    model.predict("new.jpg")[0].label
"""

from typing import TYPE_CHECKING, Any

from smalti._version import __version__

if TYPE_CHECKING:
    from smalti.api import check, create_model, evaluate, list_models, load, predict, quickstart, resume, train

__all__ = [
    "__version__",
    "check",
    "create_model",
    "evaluate",
    "list_models",
    "load",
    "predict",
    "quickstart",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    """The public calls, imported when first used: importing smalti costs nothing, and torch is loaded only where needed."""
    if name in __all__:
        from smalti import api

        return getattr(api, name)
    raise AttributeError(f"module 'smalti' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)

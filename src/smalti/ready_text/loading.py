"""From a model file to a model of text that answers, prepared for the machine it runs on."""

from typing import Any

from torch import nn

from smalti.modelfile import ModelFile
from smalti.models import FAMILIES
from smalti.nn.device import find_device
from smalti.nn.folded import folded
from smalti.nn.inference import for_inference
from smalti.ready_text.model import TextModel
from smalti.tokenizers import Tokenizer

__all__ = ["prepared", "text_model"]

WIDE = 256  # from which width on packed weights and bf16 pay


def prepared(family: str, module: nn.Module) -> nn.Module:
    """`module` as it answers fastest, changed in place: by `smalti.nn.inference` where it is wide; for a narrow or
    recurrent one plain layers are the fastest (docs/log.md)."""
    config: Any = module.config
    if not hasattr(config, "cell") and config.embed_dim >= WIDE:
        place = next(module.parameters()).device
        return for_inference(module, tuple(one.to(place) for one in FAMILIES[family].example(config)))
    return folded(module.eval())


def text_model(file: ModelFile[Tokenizer], *, device: str | None = None) -> TextModel:
    """The ready model of what was read from a model file, whose module is used up, on the device
    named, else a CUDA GPU where there is one."""
    module = prepared(file.family, file.module.to(find_device(device)))
    about = {"provenance": file.provenance, "checksum": file.checksum}
    return TextModel(module, file.task, file.labels, file.processor, **about)

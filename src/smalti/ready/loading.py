"""From a model file to a model that answers, prepared for the machine it runs on."""

import os
from typing import Any

from smalti.configs import fit
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.modelfile import ModelFile, read_model
from smalti.models import at_patch_size
from smalti.models.registry import example_images
from smalti.nn.device import find_device
from smalti.nn.inference import for_inference
from smalti.nn.merge import merge_tokens
from smalti.nn.precision import Precision
from smalti.ready.int8 import in_int8
from smalti.ready.model import Model

__all__ = ["load", "picture_model"]


def load(path: str | os.PathLike[str], **options: Any) -> Model:
    """The ready model in a model file or a run folder; options as those of `picture_model`.

    Raises:
        InputError: there is no model there, or it is another kind of file, or not for what is asked of it.
        DamagedError: it is not what it was when it was written.
    """
    return picture_model(read_model(path), **options)


def picture_model(
    file: ModelFile[Preprocess],
    *,
    device: str | None = None,
    precision: Precision | None = None,
    int8: Any = None,
    merge: int = 0,
    patch_size: int | None = None,
) -> Model:
    """The ready model of what was read from a model file, prepared for the machine it runs on (`smalti.nn.inference`).

    Args:
        file: its module is used up.
        device: where it shall run, "cpu" for instance; else a CUDA GPU where there is one (with int8 the CPU).
        precision: "fp32" or "bf16"; else bf16 where the device has it and this model agrees in it with itself in fp32.
        int8: pictures as in `Model.predict`, like those the model will see: compute in int8, calibrated on 64 of them,
            evenly spaced (of an iterator the first), 16 at least. It is faster (docs/performance.md) and refused where
            it changes more than 2 % of the answers to them. CPU only.
        merge: how many tokens each block merges into others (`smalti.nn.merge`): the more, the faster, and the further
            from what was learned. `smalti.evaluate(path, data, merge=...)` measures both.
        patch_size: one of those that a FlexiViT was trained for: smaller is more exact, larger faster.

    Raises:
        InputError: the model is not for what is asked of it, or a picture to calibrate on cannot be read.
    """
    fit(precision, Precision | None, "precision")
    place = find_device(device or ("cpu" if int8 is not None else None))
    if patch_size is not None:
        file.module = at_patch_size(file.module, patch_size)
    file.module = merge_tokens(file.module, merge)
    if int8 is not None:
        if precision is not None:
            raise InputError("precision and int8 exclude each other", mend="give one of them")
        return in_int8(file, place, int8)
    module = for_inference(file.module.to(place), example_images(file.module.config)[0].to(place), precision)
    changed = merge or patch_size is not None  # then it is no longer the file's model, and is not known by its checksum
    about = {"views": file.views, "provenance": file.provenance, "checksum": "" if changed else file.checksum}
    return Model(module, file.task, file.labels, file.processor, **about)

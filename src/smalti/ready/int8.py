"""A model in int8, as long as it keeps its answers."""

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from smalti.data.handed_in import Picture, as_pictures
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.modelfile import ModelFile
from smalti.nn.inference import for_inference
from smalti.ready.model import Model

__all__ = ["in_int8"]

log = logging.getLogger(__name__)

CALIBRATION = (16, 64)  # pictures that int8 is calibrated on: at least, at most
INT8_AGREEMENT = 0.98  # of the answers that int8 has to keep
AGREEMENTS: dict[str, Callable[[Tensor, Tensor], float]] = {  # of two times the answers to the same pictures
    "classify": lambda exact, found: (exact.argmax(1) == found.argmax(1)).float().mean().item(),
    "multilabel": lambda exact, found: ((exact > 0.5) == (found > 0.5)).float().mean().item(),
    "regress": lambda exact, found: 1 - ((found - exact).square().mean(0) / exact.var(0).clamp(min=1e-12)).max().item(),
}


def in_int8(file: ModelFile[Preprocess], place: torch.device, pictures: Any) -> Model:
    """The model of `file` in int8, calibrated on `pictures`, if it then still gives its answers to them."""
    about = {"views": file.views, "provenance": file.provenance}
    model = Model(file.module.to(place), file.task, file.labels, file.processor, **about)
    images = [model.picture(*one) for one in sampled(pictures)]
    if len(images) < CALIBRATION[0]:
        raise InputError(
            f"int8 is calibrated on {CALIBRATION[0]} pictures or more, not {len(images)}",
            mend="name more pictures like those the model will see",
        )
    example = file.processor.normalize(torch.stack(images)).to(place)
    exact = model.outputs(example)
    model.module = for_inference(model.module, example, "int8")
    kept = max(0.0, AGREEMENTS[file.task](exact, model.outputs(example)))
    log.info("int8 keeps %.1f %% of the answers to %d pictures", 100 * kept, len(images))
    if kept < INT8_AGREEMENT:
        raise InputError(
            f"int8 keeps {kept:.1%} of the answers to {len(images)} pictures, fewer than {INT8_AGREEMENT:.0%}",
            mend="leave the precision to smalti, or calibrate on pictures like those the model was trained on",
        )
    return model


def sampled(pictures: Any) -> list[Picture]:
    """At most 64 of `pictures`, evenly spaced: the first of a folder are all of one class. Of an iterator the first."""
    most = CALIBRATION[1]
    if isinstance(pictures, Iterator):
        return list(islice(as_pictures(pictures), most))
    found = list(as_pictures(pictures))  # names and readers: no picture is read yet
    n = min(len(found), most)
    return [found[i * len(found) // n] for i in range(n)]

"""The families beside ViT, at their published sizes with random weights: logits of a batch and a training step, beside
timm's models of the same names."""

from collections.abc import Iterator
from functools import partial

import training
from inference import contenders_of, timm_model
from interleaved import Maker, apart

import smalti
from smalti.models import preset_config

MODELS = {
    "DeiT-S, distilled": "deit_small_distilled_patch16_224",
    "BEiT-B": "beit_base_patch16_224",
    "Swin-T": "swin_tiny_patch4_window7_224",
    "Swin-T V2": "swinv2_tiny_window8_256",
}


def measure(rounds: int) -> Iterator[dict]:
    """A row a model, task and contender."""
    for title, name in MODELS.items():
        for batch in (1, 8):
            for found in apart(contenders_of(name, batch), items=batch, rounds=rounds):
                yield {"work": f"inference: {title}, batch {batch}", **found}
        for found in apart(steps(name, 8), items=8, rounds=rounds):
            yield {"work": f"training step: {title}, batch 8", **found}


def steps(name: str, batch: int) -> dict[str, Maker]:
    _, config = preset_config(name)
    given = batch, (config.in_chans, *config.size), 1000
    theirs, mine = partial(timm_model, name), partial(smalti.create_model, name)
    return {
        "timm, fp32": partial(training.peer, theirs, *given),
        "timm, bf16 autocast": partial(training.peer, theirs, *given, autocast=True),
        "smalti, fp32": partial(training.ours, mine, *given, "fp32"),
        "smalti, bf16": partial(training.ours, mine, *given, "bf16"),
    }

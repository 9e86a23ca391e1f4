"""The families beside ViT, at their published sizes with random weights: logits of a batch and a training step, beside
timm's models of the same names."""

from collections.abc import Iterator
from functools import partial

import training
from inference import CLASSES, contenders_of, timm_model
from interleaved import Maker, apart

import smalti
from smalti.models import preset_config

MODELS = {  # title: preset, and fields to replace in it
    "DeiT-S, distilled": ("deit_small_distilled_patch16_224", {}),
    "DINOv2-S with registers, 224 px": ("vit_small_patch14_reg4_dinov2", {"img_size": 224}),
    "DINOv3-S, 256 px": ("vit_small_patch16_dinov3", {}),
    "EVA-02-S": ("eva02_small_patch14_224", {}),
    "BEiT-B": ("beit_base_patch16_224", {}),
    "Swin-T": ("swin_tiny_patch4_window7_224", {}),
    "Swin-T V2": ("swinv2_tiny_window8_256", {}),
}


def measure(rounds: int) -> Iterator[dict]:
    """A row a model, task and contender."""
    for title, (name, options) in MODELS.items():
        for batch in (1, 8):
            for found in apart(contenders_of(name, batch, **options), items=batch, rounds=rounds):
                yield {"work": f"inference: {title}, batch {batch}", **found}
        for found in apart(steps(name, 8, **options), items=8, rounds=rounds):
            yield {"work": f"training step: {title}, batch 8", **found}


def steps(name: str, batch: int, **options: int) -> dict[str, Maker]:
    _, config = preset_config(name, **options)
    given = batch, (config.in_chans, *config.size), CLASSES
    theirs = partial(timm_model, name, **options)
    mine = partial(smalti.create_model, name, num_classes=CLASSES, **options)
    return {
        "timm, fp32": partial(training.peer, theirs, *given),
        "timm, bf16 autocast": partial(training.peer, theirs, *given, autocast=True),
        "smalti, fp32": partial(training.ours, mine, *given, "fp32"),
        "smalti, bf16": partial(training.ours, mine, *given, "bf16"),
    }

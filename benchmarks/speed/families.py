"""The families beside ViT, at their published sizes with random weights: logits of a batch and a training step, beside
timm's models of the same names."""

from collections.abc import Iterator

import torch
from inference import inferring, smalti_model, timm_model
from interleaved import interleaved
from training import ours, peer

import smalti
from smalti.models import preset_config
from smalti.nn._allocator import keep_blocks
from smalti.weights import from_timm

MODELS = {
    "DeiT-S, distilled": "deit_small_distilled_patch16_224",
    "BEiT-B": "beit_base_patch16_224",
    "Swin-T": "swin_tiny_patch4_window7_224",
    "Swin-T V2": "swinv2_tiny_window8_256",
}


def measure(rounds: int) -> Iterator[dict]:
    """A row a model, task and contender."""
    keep_blocks()  # as a run does; it serves every contender of the process
    for title, name in MODELS.items():
        for batch in (1, 8):
            for found in interleaved(inference(name, batch), items=batch, rounds=rounds):
                yield {"work": f"inference: {title}, batch {batch}", **found}
        for found in interleaved(training(name, 8), items=8, rounds=rounds):
            yield {"work": f"training step: {title}, batch 8", **found}


def inference(name: str, batch: int) -> dict:
    torch.manual_seed(0)
    model = timm_model(name)
    images = torch.randn(batch, *input_size(name))
    weights = from_timm(model.state_dict(), preset_config(name)[0])
    return {
        "timm, fp32": inferring(model, images),
        "timm, bf16 autocast": inferring(model, images, autocast=True),
        "smalti, fp32": smalti_model(name, images, "fp32", weights),
        "smalti, bf16": smalti_model(name, images, "bf16", weights),
    }


def training(name: str, batch: int) -> dict:
    torch.manual_seed(0)
    images, target = torch.randn(batch, *input_size(name)), torch.randint(1000, (batch,))
    return {
        "timm, fp32": peer(timm_model(name), images, target),
        "timm, bf16 autocast": peer(timm_model(name), images, target, autocast=True),
        "smalti, fp32": ours(smalti.create_model(name), images, target, "fp32"),
        "smalti, bf16": ours(smalti.create_model(name), images, target, "bf16"),
    }


def input_size(name: str) -> tuple[int, int, int]:
    """(C, H, W) of what a preset takes."""
    _, config = preset_config(name)
    return (config.in_chans, *config.size)

"""Published ViT sizes at 224 pixels, random weights: logits of a batch, beside timm's and OpenVINO's."""

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from typing import Literal

import torch
from interleaved import Maker, Work, apart
from torch import Tensor, nn

import smalti
import smalti._torchvision
from smalti.models import preset_config
from smalti.nn.inference import for_inference

CASES = [("base", 1), ("base", 8), ("small", 1), ("small", 8), ("small", 32), ("tiny", 8)]
CLASSES = 1000  # of every head: presets that are published without one get one too


def measure(rounds: int) -> Iterator[dict]:
    """A row a case and contender."""
    for size, batch in CASES:
        name = f"vit_{size}_patch16_224"
        contenders = {**contenders_of(name, batch), "smalti, int8": partial(ours, name, batch, "int8")}
        if find_spec("openvino"):  # `pip install openvino`
            contenders |= {f"OpenVINO, {kind}": partial(openvino, name, batch, kind) for kind in ("f32", "bf16")}
        for found in apart(contenders, items=batch, rounds=rounds):
            yield {"work": f"inference: ViT-{size[0].upper()}/16, batch {batch}", **found}


def contenders_of(name: str, batch: int, **options: int) -> dict[str, Maker]:
    """Of a preset that has the same name at timm, with fields replaced on both sides."""
    return {
        "timm, fp32": partial(theirs, name, batch, **options),
        "timm, bf16 autocast": partial(theirs, name, batch, autocast=True, **options),
        "smalti, fp32": partial(ours, name, batch, "fp32", **options),
        "smalti, bf16": partial(ours, name, batch, "bf16", **options),
    }


def ours(name: str, batch: int, precision: Literal["fp32", "bf16", "int8"], **options: int) -> Work:
    """smalti's model made ready as `smalti.load` does."""
    images = random_images(name, batch, **options)
    model = smalti.create_model(name, num_classes=CLASSES, **options)
    example = torch.randn(16, *images.shape[1:]) if precision == "int8" else images
    return inferring(for_inference(model, example, precision), images)


def theirs(name: str, batch: int, *, autocast: bool = False, **options: int) -> Work:
    return inferring(timm_model(name, **options), random_images(name, batch, **options), autocast=autocast)


def inferring(model: nn.Module, images: Tensor, *, autocast: bool = False) -> Work:
    @torch.inference_mode()
    def work() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return model(images)

    return work


def random_images(name: str, batch: int, **options: int) -> Tensor:
    """(B, C, H, W) of the size that a preset takes."""
    torch.manual_seed(0)
    _, config = preset_config(name, **options)
    return torch.randn(batch, config.in_chans, *config.size)


def timm_model(name: str, **options: int) -> nn.Module:
    import timm

    torch.manual_seed(0)
    return timm.create_model(name, num_classes=CLASSES, **options).eval()


def openvino(name: str, batch: int, kind: str) -> Work:
    """OpenVINO in that precision."""
    import openvino as ov

    images = random_images(name, batch)
    converted = ov.convert_model(timm_model(name), example_input=images, input=images.shape)
    compiled = ov.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": kind})
    return lambda: compiled(images.numpy())

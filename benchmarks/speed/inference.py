"""Published ViT sizes at 224 pixels, random weights: logits of a batch, beside timm's and OpenVINO's."""

from collections.abc import Iterator
from typing import Literal

import torch
from interleaved import Work, interleaved
from torch import Tensor, nn

import smalti
import smalti._torchvision
from smalti.nn.inference import for_inference

CASES = [("base", 1), ("base", 8), ("small", 1), ("small", 8), ("small", 32), ("tiny", 8)]


def measure(rounds: int) -> Iterator[dict]:
    """A row a case and contender."""
    for size, batch in CASES:
        torch.manual_seed(0)
        name = f"vit_{size}_patch16_224"
        images = torch.randn(batch, 3, 224, 224)
        model = timm_model(name)
        contenders = {
            "timm, fp32": inferring(model, images),
            "timm, bf16 autocast": inferring(model, images, autocast=True),
            "smalti, fp32": smalti_model(name, images, "fp32", model.state_dict()),
            "smalti, bf16": smalti_model(name, images, "bf16", model.state_dict()),
            "smalti, int8": smalti_model(name, images, "int8", model.state_dict()),
            **openvino(model, images),
        }
        for found in interleaved(contenders, items=batch, rounds=rounds):
            yield {"work": f"inference: ViT-{size[0].upper()}/16, batch {batch}", **found}


def smalti_model(
    name: str, images: Tensor, precision: Literal["fp32", "bf16", "int8"], weights: dict | None = None
) -> Work:
    model = smalti.create_model(name, num_classes=1000)
    if weights:
        model.load_state_dict(weights)
    example = torch.randn(16, *images.shape[1:]) if precision == "int8" else images
    return inferring(for_inference(model, example, precision), images)


def inferring(model: nn.Module, images: Tensor, *, autocast: bool = False) -> Work:
    @torch.inference_mode()
    def work() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return model(images)

    return work


def timm_model(name: str) -> nn.Module:
    import timm

    return timm.create_model(name, num_classes=1000).eval()


def openvino(model: nn.Module, images: Tensor) -> dict[str, Work]:
    """OpenVINO in fp32 and with its bf16 hint, where it is installed (`pip install openvino`)."""
    try:
        import openvino as ov
    except ImportError:
        return {}
    converted = ov.convert_model(model, example_input=images, input=images.shape)
    found = {}
    for kind in ("f32", "bf16"):
        compiled = ov.compile_model(converted, "CPU", {"INFERENCE_PRECISION_HINT": kind})
        found[f"OpenVINO, {kind}"] = lambda compiled=compiled: compiled(images.numpy())
    return found

"""How near each family is to timm, transformers and torchvision: the largest difference of any output, in fp32,
relative to the largest output, on random weights.

    python benchmarks/parity.py

A model of a family's own parts in a small size gets random weights of deviation 0.2; the other library reads them, by
`smalti export` where it has a class for them, and both answer the same eight pictures. torchvision's ResNet and
ConvNeXt, whose names are ours, have the published widths. The table goes to docs/weights.md. The tests hold the same to
a bound, block by block.
"""

import json
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from smalti._torchvision import torchvision  # timm and transformers import it; the guard comes first

# isort: split
import timm
import torch
import transformers

from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.export.configs import HUGGINGFACE, TIMM
from smalti.export.folders import FORMATS
from smalti.modelfile import ModelFile
from smalti.models import create_model, preset_config
from smalti.weights import to_timm
from smalti.weights.names import Names
from smalti.weights.torchvision import TORCHVISION_VIT

PAGE = Path(__file__).resolve().parents[1] / "docs" / "weights.md"
VIT = {"img_size": 64, "embed_dim": 48, "depth": 4, "num_heads": 3, "num_classes": 10}
SWIN = {"img_size": 64, "embed_dim": 24, "depths": (2, 2, 2), "num_heads": (2, 4, 8), "window": 4, "num_classes": 10}
CASES = {  # title: preset, options, timm's options where only timm's own preset has the parts
    "ViT": ("vit_tiny_patch16_224", {**VIT, "patch_size": 8}, None),
    "ViT, mean pooling, normed queries": (
        "vit_tiny_patch16_224",
        {**VIT, "patch_size": 8, "pool": "mean", "qk_norm": True},
        None,
    ),
    "DeiT, distilled": ("deit_tiny_distilled_patch16_224", {**VIT, "patch_size": 8}, None),
    "DeiT-III": ("deit3_small_patch16_224", {**VIT, "patch_size": 8, "layer_scale": 0.5}, None),
    "DINOv2, registers": ("vit_small_patch14_reg4_dinov2", {**VIT, "patch_size": 8, "layer_scale": 0.5}, None),
    "DINOv3": ("vit_small_patch16_dinov3", {**VIT, "patch_size": 8}, {"global_pool": "token"}),
    "EVA-02": ("eva02_base_patch14_448", {**VIT, "patch_size": 8}, {}),
    "FlexiViT": ("flexivit_small", {**VIT, "img_size": 240}, {}),
    "BEiT": ("beit_base_patch16_224", {**VIT, "patch_size": 8}, None),
    "Swin": ("swin_tiny_patch4_window7_224", SWIN, None),
    "Swin V2": ("swinv2_tiny_window8_256", {**SWIN, "trained_windows": ()}, None),
    "ResNet": ("resnet50_224", {"img_size": 64}, None),
    "ConvNeXt": ("convnext_tiny_224", {"img_size": 64}, None),
}
TORCHVISION = {  # title: its model, its names
    "ViT": (partial(torchvision.models.VisionTransformer, 64, 8, 4, 3, 48, 192, num_classes=10), TORCHVISION_VIT),
    "ResNet": (torchvision.models.resnet50, Names()),
    "ConvNeXt": (torchvision.models.convnext_tiny, Names()),
}


def main() -> None:
    """Measures every family and writes the table."""
    lines = ["| family | timm | transformers | torchvision |", "|---|---|---|---|"]
    for title, (preset, options, theirs) in CASES.items():
        torch.manual_seed(0)
        module: Any = create_model(preset, **options).eval()
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
        images = torch.randn(8, 3, *module.config.size)
        found = [by_export(preset, module, images, kind) for kind in ("timm", "hf")]
        if theirs is not None:
            found[0] = by_names(preset, module, images, {**options, **theirs})
        found.append(by_torchvision(title, module, images))
        lines.append(f"| {title} | {' | '.join('' if one is None else f'{one:.1e}' for one in found)} |")
        print(lines[-1], flush=True)
    libraries = (timm, transformers, torchvision, torch)
    versions = ", ".join(f"{library.__name__} {library.__version__}" for library in libraries)
    text = "\n".join(["<!-- parity:begin -->", *lines, "", f"`python benchmarks/parity.py`: {versions}."])
    page = re.sub(
        r"<!-- parity:begin -->.*?(?=\n<!-- parity:end -->)", lambda _: text, PAGE.read_text("utf-8"), flags=re.DOTALL
    )
    PAGE.write_text(page, "utf-8")


def by_export(preset: str, module: torch.nn.Module, images: torch.Tensor, kind: str) -> float | None:
    """The difference where the other library reads an exported folder; None where it has no class for the model."""
    family, config = preset_config(preset)[0], module.config
    configs, write, answer = FORMATS[kind]
    if family not in {"timm": TIMM, "hf": HUGGINGFACE}[kind]:
        return None
    try:
        arguments = configs[family](config)
    except InputError:
        return None
    rule = Preprocess(config.size, 3, (0.5,) * 3, (0.5,) * 3)
    file = ModelFile(family, module, "classify", tuple(map(str, range(10))), rule)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        told = write(file, Path(folder), *arguments)
        Path(folder, "config.json").write_text(json.dumps(told))
        return difference(module(images), answer(Path(folder), images))


def by_names(preset: str, module: torch.nn.Module, images: torch.Tensor, options: dict) -> float:
    """The difference where timm's own preset takes the weights under its names."""
    theirs = timm.create_model(preset, **options).eval()
    theirs.load_state_dict(to_timm(module.state_dict(), preset_config(preset)[0]))
    with torch.inference_mode():
        return difference(module(images), theirs(images))


def by_torchvision(title: str, module: torch.nn.Module, images: torch.Tensor) -> float | None:
    """The difference where torchvision's model takes the weights; None where it has no such model."""
    if title not in TORCHVISION:
        return None
    build, names = TORCHVISION[title]
    theirs = build().eval()
    theirs.load_state_dict(names.to_theirs(module.state_dict()))
    with torch.inference_mode():
        return difference(module(images), theirs(images))


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest, relative to the largest output."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


if __name__ == "__main__":
    main()

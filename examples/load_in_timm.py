"""A smalti model file in timm, by hand: the weights of a plain ViT carry timm's names, so they load as they are.
(`smalti export MODEL --format timm --out FOLDER` does it for ViT, DeiT, BEiT, Swin and Swin V2.)

Needs timm (`pip install timm`). Run it with `python examples/load_in_timm.py`; about 15 seconds on one core.
"""

import json
import tempfile
from pathlib import Path

import timm
import torch
from safetensors import safe_open
from timm.models.vision_transformer import VisionTransformer

import smalti


def to_timm(path: Path) -> VisionTransformer:
    """timm's model with the weights of the plain ViT (patches, class token, GELU) in a model file."""
    with safe_open(path, framework="pt") as file:
        config = json.loads(file.metadata()["smalti"])["config"]
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    model = VisionTransformer(
        **{name: config[name] for name in ("patch_size", "in_chans", "num_classes", "embed_dim", "depth", "num_heads")},
        img_size=tuple(config["img_size"]),
        mlp_ratio=config["mlp_ratio"],
    )
    model.load_state_dict(weights, strict=True)
    return model.eval()


def main(steps: int = 100) -> float:
    """Trains a small ViT, loads its file into timm, and returns the largest difference of their logits."""
    with tempfile.TemporaryDirectory() as run:
        settings = {"model": "vit_mini_patch2_8", "steps": steps, "overrides": {"optim.lr": 0.002}, "report": False}
        result = smalti.train("digits", out=Path(run) / "run", **settings)
        theirs, ours = to_timm(result.model), smalti.load(result.model, device="cpu", precision="fp32").module
    images = torch.randn(16, *(ours.config.in_chans, *ours.config.size), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        difference = (theirs(images) - ours(images)).abs().max().item()
    print(f"timm {timm.__version__}: largest difference of the logits {difference:.1e}")
    return difference


if __name__ == "__main__":
    main()

"""A training step (forward, backward, optimiser) beside timm's and torch.nn's models of the same size.

smalti runs `train_step`, the step of its loop, with all that belongs to it (gradient norm, metrics, check for numbers
that are not finite); the peers run the shortest step there is. AdamW for all, random pictures, pictures a second.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from interleaved import Work, interleaved
from torch import Tensor, nn

import smalti._torchvision  # noqa: F401 - before timm
from smalti.models.vit import ViT, ViTConfig
from smalti.nn._allocator import keep_blocks
from smalti.objectives import Classify
from smalti.train.loop import LoopConfig, train_step
from smalti.train.optim import OptimConfig, build_optimizers
from smalti.train.state import TrainState

SHAPES = {  # name: config, batch
    "32 px, patch 4, 9 x 192, 12 heads, batch 128": (ViTConfig(32, 4, 3, 10, 192, 9, 12), 128),
    "32 px, patch 4, 12 x 192, 3 heads, batch 128": (ViTConfig(32, 4, 3, 10, 192, 12, 3), 128),
    "ViT-Ti/16, 224 px, batch 32": (ViTConfig(224, 16, 3, 1000, 192, 12, 3), 32),
    "28 px, patch 7, 6 x 64, 4 heads, batch 128": (ViTConfig(28, 7, 1, 10, 64, 6, 4), 128),
}


def measure(rounds: int) -> Iterator[dict]:
    """A row a shape and contender."""
    keep_blocks()  # as a run does; it serves every contender of the process
    for title, (config, batch) in SHAPES.items():
        torch.manual_seed(0)
        images = torch.randn(batch, config.in_chans, *config.size)
        target = torch.randint(config.num_classes, (batch,))
        contenders = {
            "timm, fp32": peer(timm_vit(config), images, target),
            "timm, bf16 autocast": peer(timm_vit(config), images, target, autocast=True),
            "nn.TransformerEncoder, fp32": peer(EncoderViT(config), images, target),
            "smalti, bf16": ours(ViT(config), images, target, "bf16"),
            "smalti, fp32": ours(ViT(config), images, target, "fp32"),
        }
        for found in interleaved(contenders, items=batch, rounds=rounds):
            yield {"work": f"training step: {title}", **found}


def ours(model: nn.Module, images: Tensor, target: Tensor, precision: str) -> Work:
    state = TrainState(model, build_optimizers(model, OptimConfig()))
    loop = LoopConfig(batch_size=len(images), precision=precision)  # type: ignore[arg-type]
    batch = {"image": images, "target": target}
    return lambda: train_step(state, batch, Classify(), loop, 1.0)


def peer(model: nn.Module, images: Tensor, target: Tensor, *, autocast: bool = False) -> Work:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy(model(images), target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def timm_vit(config: ViTConfig) -> nn.Module:
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=config.size,
        patch_size=config.patch_size,
        in_chans=config.in_chans,
        num_classes=config.num_classes,
        embed_dim=config.embed_dim,
        depth=config.depth,
        num_heads=config.num_heads,
    )


class EncoderViT(nn.Module):
    """The ViT of the tutorials: patches by a convolution, `nn.TransformerEncoder`, class token."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        D, P = config.embed_dim, config.patch_size
        self.patches = nn.Conv2d(config.in_chans, D, P, P)
        self.cls = nn.Parameter(torch.zeros(1, 1, D))
        self.positions = nn.Parameter(torch.randn(1, 1 + (config.size[0] // P) * (config.size[1] // P), D) * 0.02)
        layer = nn.TransformerEncoderLayer(
            D, config.num_heads, 4 * D, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, config.depth, nn.LayerNorm(D), enable_nested_tensor=False)
        self.head = nn.Linear(D, config.num_classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.positions
        return self.head(self.encoder(x)[:, 0])


Measure = Callable[[int], Iterator[dict]]

"""A training step (forward, backward, optimiser) beside timm's and torch.nn's models of the same size.

smalti runs `train_step`, the step of its loop, with all that belongs to it (gradient norm, metrics, check for numbers
that are not finite); the peers run the shortest step there is. AdamW for all, random pictures, pictures a second.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from interleaved import Work, apart
from torch import Tensor, nn

import smalti._torchvision  # noqa: F401 - before timm
from smalti.models.vit import ViT, ViTConfig
from smalti.nn._allocator import keep_blocks
from smalti.objectives import Classify
from smalti.train.loop import LoopConfig, train_step
from smalti.train.optim import OptimConfig, build_optimizers
from smalti.train.state import TrainState

Build = Callable[[], nn.Module]
SHAPES = {  # name: config, batch
    "32 px, patch 4, 9 x 192, 12 heads, batch 128": (ViTConfig(32, 4, 3, 10, 192, 9, 12), 128),
    "32 px, patch 4, 12 x 192, 3 heads, batch 128": (ViTConfig(32, 4, 3, 10, 192, 12, 3), 128),
    "ViT-Ti/16, 224 px, batch 32": (ViTConfig(224, 16, 3, 1000, 192, 12, 3), 32),
    "28 px, patch 7, 6 x 64, 4 heads, batch 128": (ViTConfig(28, 7, 1, 10, 64, 6, 4), 128),
}


def measure(rounds: int) -> Iterator[dict]:
    """A row a shape and contender."""
    for title, (config, batch) in SHAPES.items():
        size, classes = (config.in_chans, *config.size), config.num_classes
        theirs, encoder, mine = (partial(kind, config) for kind in (timm_vit, EncoderViT, ViT))
        contenders = {
            "timm, fp32": partial(peer, theirs, batch, size, classes),
            "timm, bf16 autocast": partial(peer, theirs, batch, size, classes, autocast=True),
            "nn.TransformerEncoder, fp32": partial(peer, encoder, batch, size, classes),
            "smalti, bf16": partial(ours, mine, batch, size, classes, "bf16"),
            "smalti, fp32": partial(ours, mine, batch, size, classes, "fp32"),
        }
        for found in apart(contenders, items=batch, rounds=rounds):
            yield {"work": f"training step: {title}", **found}


def ours(build: Build, batch: int, size: tuple[int, int, int], classes: int, precision: str) -> Work:
    """A step of smalti's loop, which has the allocator keep its blocks as a run does."""
    keep_blocks()
    images, target = random_batch(batch, size, classes)
    model = build()
    state = TrainState(model, build_optimizers(model, OptimConfig()))
    loop = LoopConfig(batch_size=batch, precision=precision)  # type: ignore[arg-type]
    step = {"image": images, "target": target}
    return lambda: train_step(state, step, Classify(), loop, 1.0)


def peer(build: Build, batch: int, size: tuple[int, int, int], classes: int, *, autocast: bool = False) -> Work:
    images, target = random_batch(batch, size, classes)
    model = build().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy(model(images), target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def random_batch(batch: int, size: tuple[int, int, int], classes: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(batch, *size), torch.randint(classes, (batch,))


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

"""The ViT of the tutorials, correctly batched: what a person gets who types one in. A peer for benchmarks/results.py.

Patches of 4 pixels through a linear layer, a class token, learned positions, `nn.TransformerEncoder` (with
`batch_first`, which many copies forget), a linear head; Adam at 3e-4, batch 128, fp32, mirrored pictures where
mirroring is allowed.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.data.augment import AugmentConfig
from smalti.data.batches import Batches
from smalti.data.pictures import Pictures
from smalti.data.preprocess import Preprocess
from smalti.data.source import Source
from smalti.data.split import Split
from smalti.evaluate.outputs import Outputs, collect


class TutorialViT(nn.Module):
    """6 layers of width 192 with 6 heads, dropout 0.1: the usual size for small pictures."""

    def __init__(self, img_size: tuple[int, int], in_chans: int, num_classes: int, patch_size: int = 4) -> None:
        super().__init__()
        self.patch_size = patch_size
        tokens = (img_size[0] // patch_size) * (img_size[1] // patch_size)
        self.embed = nn.Linear(in_chans * patch_size**2, 192)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 192) * 0.02)
        self.pos_embed = nn.Parameter(torch.randn(1, tokens + 1, 192) * 0.02)
        layer = nn.TransformerEncoderLayer(
            192, 6, 768, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(192)
        self.head = nn.Linear(192, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        patches = F.unfold(images, self.patch_size, stride=self.patch_size).transpose(1, 2)  # (B, N, C * P * P)
        x = self.embed(patches)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.head(self.norm(self.encoder(x))[:, 0])


def train_tutorial(
    source: Source, split: Split, rule: Preprocess, *, mirror: bool, began: float, minutes: float, seed: int
) -> tuple[Outputs, int, int]:
    """Trains until the minutes since `began` are spent, evaluation included.

    Returns:
        What it answers to the test pictures, its parameters, and how many pictures it has seen.
    """
    torch.manual_seed(seed)
    pictures = Pictures(source, rule)
    side = rule.img_size[0]
    patch_size = max(min(4, side // 4), side // 16)  # 4 pixels; larger where 256 tokens would not do
    model = TutorialViT(rule.img_size, rule.in_chans, len(source.labels), patch_size=patch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    flip = AugmentConfig(flip="random" if mirror else "none")
    batches = Batches(pictures, split.train, batch_size=128, seed=seed, augment=flip, shuffle=True)
    test = Batches(pictures, split.test, batch_size=256)
    first = [next(iter(test))]
    collect(model, first)  # the first time is slower, and would be taken from the minutes
    start = time.monotonic()
    collect(model, first)
    closing = 1.2 * (time.monotonic() - start) * len(test) + 2.0
    seen, epoch = 0, 0
    while True:
        for batch in batches.epoch(epoch):
            if time.monotonic() - began > minutes * 60 - closing:
                return collect(model, test), sum(p.numel() for p in model.parameters()), seen
            model.train()
            loss = F.cross_entropy(model(batch["image"]), batch["target"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen += len(batch["target"])
        epoch += 1

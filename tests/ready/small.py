"""A small network, pictures to ask it about, and when two answers are the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from smalti.data.preprocess import Preprocess
from smalti.models import create_model
from smalti.ready import Prediction

RULE = Preprocess((8, 8), 3, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
LABELS = ("a", "b", "c")


def network(outputs: int = len(LABELS), depth: int = 1, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    made = create_model("vit_nano_patch2_8", num_classes=outputs, depth=depth, embed_dim=16, num_heads=2, **options)
    torch.nn.init.normal_(made.head.weight)  # type: ignore[union-attr, arg-type]
    return made.eval()


def pixels(seed: int = 0, shape: tuple[int, ...] = (11, 14, 3)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, seed: int = 0, shape: tuple[int, ...] = (11, 14, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, shape)).save(path)
    return path


def same(one: Prediction, other: Prediction) -> bool:
    """Equal but for the name, and for how a batch of another size is rounded."""
    return one.label == other.label and one.values == pytest.approx(other.values, abs=1e-6)

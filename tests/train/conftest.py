"""A small run on real digits, and what the loop needs around it."""

import numpy as np
import pytest
import torch

from smalti import data
from smalti.data.augment import AugmentConfig
from smalti.data.batches import Batches
from smalti.data.mixing import MixConfig, mix
from smalti.data.pictures import Pictures
from smalti.models import create_model
from smalti.objectives import Classify
from smalti.train.ema import EMA
from smalti.train.optim import OptimConfig, build_optimizers
from smalti.train.state import TrainState


class Silent:
    """A listener that remembers."""

    def __init__(self):
        self.saved, self.evaluations, self.steps = [], [], []

    def on_step(self, state, progress, values):
        self.steps.append((state.step, progress, values))

    def on_evaluation(self, state, row, *, keep):
        self.evaluations.append((dict(row), keep))

    def save(self, state):
        self.saved.append(state.step)


class Accuracy:
    """A cheap evaluator on a fixed batch."""

    best = ("accuracy", "max")

    def __init__(self, batch):
        self.batch = batch

    def __call__(self, model):
        model.eval()
        with torch.no_grad():
            loss, metrics = Classify()(model, self.batch)
        yield "loss", float(loss)
        yield "accuracy", float(metrics["accuracy"])


@pytest.fixture(scope="session")
def digits():
    return data.open("digits")


@pytest.fixture(scope="session")
def setup(digits):
    """make(optimizer, workers) -> (state, batches, objective, evaluator), fresh each time, with every noise on."""
    rule = data.Preprocess((8, 8), 1, (0.3,), (0.35,))

    def make(optimizer: str = "muon", workers: int = 0, in_memory: bool = True, n: int = 160, balanced: bool = False):
        torch.manual_seed(0)
        model = create_model("cct_nano_patch2_8", in_chans=1, depth=2, drop_rate=0.1, attn_drop=0.1, drop_path_rate=0.2)
        state = TrainState(model, build_optimizers(model, OptimConfig(optimizer, lr=2e-3)), EMA(model, 0.9))
        pictures = Pictures(digits, rule, workers=workers, memory_limit=None if in_memory else 0)
        batches = Batches(
            pictures,
            np.arange(n),
            batch_size=32,
            seed=3,
            augment=AugmentConfig(crop="pad", crop_pad=1, rotate=10.0, flip="alternate", erase=0.2),
            shuffle=True,
            classes=digits.targets[:n] // 4 if balanced else None,  # of very unequal size
            drop_last=True,
            batch_transform=lambda batch, epoch, step: mix(
                batch, MixConfig(mixup=0.2, cutmix=1.0, prob=0.5), num_classes=10, seed=3, step=1000 * epoch + step
            ),
        )
        judge = Accuracy(next(iter(Batches(pictures, np.arange(200, 300), batch_size=100))))
        return state, batches, Classify(smoothing=0.1), judge

    return make

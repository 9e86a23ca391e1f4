"""A model of one's own, put together from the parts, trained by the one loop on handwritten digits.

Every row of an 8 x 8 picture is a token of 8 numbers: eight tokens, no patches, no class token. The parts (`Attention`,
`Mlp`, `Block`, `Transformer`), the objective and the loop are the ones the package itself uses; nothing of the command
line is. Run it with `python examples/own_model.py`; a few seconds on one core.
"""

import torch
from torch import Tensor, nn

from smalti import data
from smalti.data.batches import Batches
from smalti.data.check import check
from smalti.data.pictures import Pictures
from smalti.data.preprocess import Preprocess
from smalti.data.split import split
from smalti.evaluate.evaluators import ClassifyEvaluator
from smalti.nn import Attention, Block, Mlp, Transformer
from smalti.objectives import Classify
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig, fit
from smalti.train.optim import OptimConfig, build_optimizers
from smalti.train.state import TrainState


class RowReader(nn.Module):
    """Reads a picture row by row: (B, 1, 8, 8) to logits (B, 10)."""

    def __init__(self, dim: int = 64, depth: int = 4, num_heads: int = 4) -> None:
        super().__init__()
        self.embed = nn.Linear(8, dim)
        self.positions = nn.Parameter(torch.randn(8, dim) * 0.02)
        self.trunk = Transformer(
            lambda i: Block(nn.LayerNorm(dim), Attention(dim, num_heads), nn.LayerNorm(dim), Mlp(dim, 4 * dim)),
            depth,
            nn.LayerNorm(dim),
        )
        self.head = nn.Linear(dim, 10)

    def forward(self, images: Tensor) -> Tensor:
        rows = images[:, 0]  # (B, 8 rows, 8 pixels)
        x = self.embed(rows) + self.positions  # (B, 8, D)
        return self.head(self.trunk(x).mean(1))


class Printer:
    """What the loop tells: here it is only printed. A listener that keeps files is `smalti.train.log.RunLog`."""

    def on_step(self, state: TrainState, progress: float, values: dict[str, float]) -> None:
        pass

    def on_evaluation(self, state: TrainState, row: dict[str, float], *, keep: bool) -> None:
        print(f"step {row['step']:>4}: loss {row['loss']:.3f}, validation accuracy {row['val_accuracy']:.1%}")

    def save(self, state: TrainState) -> None:
        pass


def main(steps: int = 300) -> float:
    """Trains and returns the test accuracy."""
    source = data.open("digits")
    found = check(source)
    parts = split(source, found.facts)
    pictures = Pictures(source, Preprocess((8, 8), in_chans=1, mean=found.mean, std=found.std))

    torch.manual_seed(0)
    model = RowReader()
    optim = OptimConfig(name="adamw", lr=3e-3)
    fit(
        TrainState(model, build_optimizers(model, optim)),
        Batches(pictures, parts.train, batch_size=64, shuffle=True, drop_last=True),
        Classify(smoothing=0.1),
        ClassifyEvaluator(Batches(pictures, parts.val, batch_size=256)),
        lr=optim.lr,
        config=LoopConfig(batch_size=64, evaluations=3),
        budget=Budget(steps=steps),
        listener=Printer(),
        seed=0,
    )
    judge = ClassifyEvaluator(Batches(pictures, parts.test, batch_size=256))
    accuracy = dict(judge(model.eval()))["accuracy"]
    print(f"test accuracy {accuracy:.1%} of {len(parts.test)} pictures")
    return accuracy


if __name__ == "__main__":
    main()

"""One text from another: translation and its kin (arXiv:1409.3215)."""

from collections.abc import Callable

from torch import Tensor

from smalti.objectives.objective import Batch
from smalti.objectives.tokens import token_loss

__all__ = ["TargetToken"]


class TargetToken:
    """The mean cross-entropy of the next target token, given the source and the target tokens before it, in nats."""

    def __call__(self, model: Callable[[Tensor, Tensor], Tensor], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch of source (B, M), tokens (B, N) and target (B, N), the successors of tokens. Metric: accuracy."""
        return token_loss(model(batch["source"], batch["tokens"]), batch["target"])

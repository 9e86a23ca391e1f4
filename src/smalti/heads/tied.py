"""The embedding read backwards: which words a vector is like (arXiv:1608.05859)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["TiedLinear"]


class TiedLinear(nn.Module):
    """Logits of tokens from the very table that embeds them. It answers in fp32, computed in the type of the table: as
    a whole model in bf16 has it, logits are rounded to bf16.

    Args:
        embedding: of V ids in D numbers; its weight stays its own, so that a state dict has it once.
        bias: a learned number for every id.
    """

    def __init__(self, embedding: nn.Embedding, *, bias: bool = False) -> None:
        super().__init__()
        self.embedding = (embedding,)  # in a tuple it is no part of this module
        self.bias = nn.Parameter(torch.zeros(embedding.num_embeddings)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., V)."""
        weight = self.embedding[0].weight
        return F.linear(x.to(weight.dtype), weight, self.bias).float()

"""Attention that begins as trained attention looks (after Trockman & Kolter, arXiv:2305.09828).

Where a Transformer has learned from many pictures, the product of a head's query and key weights lies near a multiple
of the identity: tokens look at tokens like themselves. That of value and output weights lies near a negative one. To
begin there costs nothing, and helps most where pictures are few.
"""

from typing import cast

import torch
from torch import nn

from smalti.nn.attention import Attention

__all__ = ["mimetic_"]


@torch.no_grad()
def mimetic_(attention: Attention) -> None:
    """Sets the weights of an attention over tokens of width D, in place, so that W_q^T W_k of each head is 0.31 I on
    average and W_o W_v is -0.4 I, as with the paper's choice for the sizes it tried.

    A random matrix times its own transpose is near to a multiple of the identity, so keys that begin as the queries,
    and outputs as the values taken back, need none of the paper's singular values.
    """
    D, qkv = attention.proj.in_features, cast(nn.Linear, attention.qkv)
    queries, keys, values = qkv.weight.view(3, D, D)
    nn.init.normal_(queries, std=(0.31 * attention.num_heads / D) ** 0.5)
    keys.copy_(queries)
    nn.init.normal_(values, std=(0.4 / D) ** 0.5)
    attention.proj.weight.copy_(-values.T)

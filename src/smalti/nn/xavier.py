"""How linear layers begin where a paper says Xavier (Glorot and Bengio 2010)."""

import torch
from torch import nn

__all__ = ["xavier_"]

MERGED = {"qkv": 3, "kv": 2}  # matrices that an attention keeps in one


@torch.no_grad()
def xavier_(name: str, layer: nn.Linear) -> None:
    """Sets the weights of a layer, in place, uniform with the variance 2 / (inputs + outputs), and its bias to zero.

    Queries, keys and values are drawn as a matrix each, as in the papers, also where one layer makes them all: the
    shape of that one would make them smaller. `name` in the model tells such a layer.
    """
    for part in layer.weight.chunk(MERGED.get(name.rpartition(".")[2], 1)):
        nn.init.xavier_uniform_(part)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)

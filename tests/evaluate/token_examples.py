"""Make-believe models of text, their texts and what is collected of them."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from smalti.evaluate.token_outputs import TokenOutputs

V = 11
TEXT = np.random.default_rng(0).integers(0, V, 203)


class Recurrent(nn.Module):
    """A GRU over V ids."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.rnn, self.drop = nn.Embedding(V, 8), nn.GRU(8, V, batch_first=True), nn.Dropout(0.5)

    def forward(self, tokens, memory=None):
        x, after = self.rnn(self.drop(self.embed(tokens.clamp(min=0))), memory)
        return 5 * x if memory is None else (5 * x, after)

    def start(self):
        return torch.zeros(1, 1, V)


def plain(model, tokens, target):
    with torch.no_grad():
        logp = model.eval()(torch.as_tensor(tokens)[None])[0].log_softmax(-1)
    return [-float(logp[i, t]) for i, t in enumerate(target)], [
        int(logp[i].argmax()) == t for i, t in enumerate(target)
    ]


class Echo(nn.Module):
    """A random translator: what comes next depends on the source and on the last token."""

    config = SimpleNamespace(max_len=None)

    def __init__(self):
        super().__init__()
        torch.manual_seed(9)
        self.source, self.table = nn.Embedding(6, 6), nn.Embedding(6, 6)

    def read(self, source):
        return (self.source(source.clamp(min=0)) * (source >= 0)[..., None]).sum(1, keepdim=True)

    def extend(self, tokens, memory):
        return memory + 2 * self.table(tokens.clamp(min=0)), memory

    def forward(self, source, tokens):
        return self.extend(tokens, self.read(source))[0]


def outputs_of(losses, counts=None, right=None):
    losses = np.asarray(losses, float)
    counts = np.full(len(losses), 10.0) if counts is None else np.asarray(counts, float)
    right = counts / 2 if right is None else np.asarray(right, float)
    return TokenOutputs(losses, right, counts, np.arange(len(losses)))

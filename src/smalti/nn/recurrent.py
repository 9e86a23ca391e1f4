"""Recurrent layers: the Elman network (1990), the LSTM (Hochreiter and Schmidhuber 1997) and the GRU (arXiv:1406.1078),
as their equations read, and torch's fused kernels for the same.

Parameters have torch's names and shapes, so that a state dict of one serves the other. The state of all layers is one
tensor (S, B, D): the depth rows of h, for an LSTM followed by those of c.

Shapes: B batch, N steps, C inputs, D units, G gates (1, 4, 3), S rows of state.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["CELLS", "FUSED", "Cell", "Recurrence", "elman", "gru", "lstm"]

State = tuple[Tensor, ...]  # (h,) or (h, c), each (B, D)


def elman(x: Tensor, r: Tensor, state: State) -> State:
    """h = tanh(W x + U h): `x` is W x and `r` is U h, with their biases, (B, D) each."""
    return ((x + r).tanh(),)


def lstm(x: Tensor, r: Tensor, state: State) -> State:
    """What is forgotten and what is written are gates of their own; c is touched by products and sums only.

    `x` is W x and `r` is U h, with their biases, (B, 4 D) each: input gate, forget gate, news, output gate.
    """
    i, f, g, o = (x + r).chunk(4, dim=-1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru(x: Tensor, r: Tensor, state: State) -> State:
    """One gate z decides between old and new, another, r, how much of the old the new one is made of.

    `x` is W x and `r` is U h, with their biases, (B, 3 D) each: gate r, gate z, news.
    """
    (xr, xz, xn), (hr, hz, hn) = x.chunk(3, dim=-1), r.chunk(3, dim=-1)
    z = (xz + hz).sigmoid()
    n = (xn + (xr + hr).sigmoid() * hn).tanh()
    return ((1 - z) * n + z * state[0],)


class Cell(NamedTuple):
    """One step of a recurrent layer.

    Args:
        step: (W x, U h, state) to the next state.
        gates: G, rows of W and U over the units.
        parts: how many tensors a state has; the first is what the next layer sees.
    """

    step: Callable[[Tensor, Tensor, State], State]
    gates: int
    parts: int


CELLS = {"rnn": Cell(elman, 1, 1), "lstm": Cell(lstm, 4, 2), "gru": Cell(gru, 3, 1)}


class Recurrence(nn.Module):
    """Recurrent layers on top of each other, step by step in Python.

    Args:
        cell: "rnn", "lstm" or "gru".
        dim: inputs C.
        hidden_dim: units D of each layer.
        depth: layers.
        drop: share of what a layer hands to the next that training drops.
    """

    def __init__(self, cell: str, dim: int, hidden_dim: int, depth: int, *, drop: float = 0.0) -> None:
        super().__init__()
        self.cell, self.depth = CELLS[cell], depth
        rows, bound = self.cell.gates * hidden_dim, 1 / math.sqrt(hidden_dim)
        for i in range(depth):
            shapes = {"weight_ih": (rows, hidden_dim if i else dim), "weight_hh": (rows, hidden_dim)}
            for name, shape in {**shapes, "bias_ih": (rows,), "bias_hh": (rows,)}.items():
                self.register_parameter(f"{name}_l{i}", nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor, state: Tensor, real: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Steps (B, N, C) after `state` (S, B, D) to what the last layer says, (B, N, D), and the state behind them.

        Where `real` (B, N) is false a step leaves the state alone; what is said there means nothing.
        """
        layers, ends = state.unflatten(0, (self.cell.parts, -1)).unbind(1), []
        for i, start in enumerate(layers):
            x, end = self.layer(i, self.drop(x) if i else x, tuple(start), real)
            ends.append(end)
        return x, torch.stack(ends, dim=1).flatten(0, 1)

    def layer(self, i: int, x: Tensor, state: State, real: Tensor | None) -> tuple[Tensor, Tensor]:
        """Layer i: (B, N, C) to (B, N, D) and the state (parts, B, D) behind it."""
        W, U, b, d = (getattr(self, f"{name}_l{i}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        said = []
        for n, step in enumerate(F.linear(x, W, b).unbind(1)):  # W x of all steps at once
            after = self.cell.step(step, F.linear(state[0], U, d), state)
            if real is not None:
                after = tuple(torch.where(real[:, n, None], new, old) for new, old in zip(after, state, strict=True))
            state = after
            said.append(state[0])
        return torch.stack(said, dim=1), torch.stack(state)


class Fused:
    """Torch's kernels behind the interface of `Recurrence`."""

    def __init__(self, dim: int, hidden_dim: int, depth: int, *, drop: float = 0.0) -> None:
        drop = drop if depth > 1 else 0.0  # of one layer nothing is dropped, and torch would warn
        super().__init__(dim, hidden_dim, depth, dropout=drop, batch_first=True)  # pyright: ignore[reportCallIssue]

    def forward(self, x: Tensor, state: Tensor, real: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As in `Recurrence`."""
        run: Any = super()
        if real is None:
            said, end = run.forward(x, self.apart(state))
            return said, self.joined(end)
        # only padding behind a text is known there
        order = (~real).int().argsort(dim=1, stable=True)
        lengths = real.sum(1)
        steps = pack_padded_sequence(at(x, order), lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        packed, end = run.forward(steps, self.apart(state))
        said, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return at(said, order.argsort(1)), torch.where(lengths[:, None] > 0, self.joined(end), state)

    def apart(self, state: Tensor) -> Any:
        """The state as torch takes it."""
        return state

    def joined(self, state: Any) -> Tensor:
        """The state as one tensor."""
        return state


class FusedElman(Fused, nn.RNN):  # pyright: ignore[reportIncompatibleMethodOverride]
    """`nn.RNN`."""


class FusedGRU(Fused, nn.GRU):  # pyright: ignore[reportIncompatibleMethodOverride]
    """`nn.GRU`."""


class FusedLSTM(Fused, nn.LSTM):  # pyright: ignore[reportIncompatibleMethodOverride]
    """`nn.LSTM`."""

    def apart(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """h and c."""
        h, c = state.chunk(2)
        return h.contiguous(), c.contiguous()

    def joined(self, state: tuple[Tensor, Tensor]) -> Tensor:
        """h, then c."""
        return torch.cat(state)


FUSED = {"rnn": FusedElman, "lstm": FusedLSTM, "gru": FusedGRU}


def at(x: Tensor, order: Tensor) -> Tensor:
    """Steps (B, N, D) in the order (B, N)."""
    return x.gather(1, order[..., None].expand(-1, -1, x.shape[-1]))

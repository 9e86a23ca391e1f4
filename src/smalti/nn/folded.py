"""What a finished model computes alike for every picture, computed once: gates into the linear layer before them, the
bias of offsets and the mask of shifted windows into one tensor, a bias that leaves keys out into a plain one. And what
it does not compute at all: dropout, whose calls are a fifth of the time of one token of width 128.

`folded` exchanges parts of a module; no forward pass knows of it. Answers stay, up to rounding.
"""

from functools import partial

import torch
from torch import Tensor, nn

from smalti.nn.attention import Attention, DroppedAttend, NoKeyBias, attend
from smalti.nn.masks import as_bias
from smalti.nn.residual import LayerScale, Residual
from smalti.nn.transformer import Block
from smalti.nn.window import WindowAttention

__all__ = ["FixedBias", "folded"]


@torch.no_grad()
def folded(module: nn.Module) -> nn.Module:
    """`module`, in eval mode, with less to compute; it is changed in place and cannot be trained any more.

    Biases of many tokens are large: they are kept as far as all of them take no more than half the room of the weights.
    """
    room = sum(parameter.numel() for parameter in module.parameters()) // 2
    for part in list(module.modules()):
        leave_out_dropout(part)
        if type(part) is Block:
            fold_gates(part)
        elif isinstance(part, Attention):
            room -= fold_bias(part, room)
            if type(part.qkv) is NoKeyBias:
                part.qkv = plain(part.qkv)
    return module


def leave_out_dropout(part: nn.Module) -> None:
    """Where a part has dropout, nothing; attention takes the kernel that has none."""
    for name, child in list(part.named_children()):
        if isinstance(child, nn.Dropout):
            setattr(part, name, nn.Identity())
        elif isinstance(child, DroppedAttend):
            delattr(part, name)  # a module gives way to a function
            setattr(part, name, partial(attend, causal=child.causal))


class FixedBias(nn.Module):
    """A bias on the scores that is what it is, (1 or n, H, N, N)."""

    def __init__(self, bias: Tensor) -> None:
        super().__init__()
        self.bias: Tensor
        self.register_buffer("bias", bias)

    def forward(self) -> Tensor:
        """The bias on the scores."""
        return self.bias


def fold_bias(attention: Attention, room: int) -> int:
    """The bias of offsets is the same for all pictures, and so is who came round the edge: kept in at most `room`
    numbers, or not at all. Gives how many it kept."""
    if attention.rel_bias is None:
        return 0
    bias: Tensor = attention.rel_bias().contiguous()
    if isinstance(attention, WindowAttention) and attention.shifted is not None:
        bias = bias + as_bias(attention.shifted)  # (n, H, M, M)
    if bias.numel() > room:
        return 0
    if isinstance(attention, WindowAttention):
        attention.shifted = None  # it is in the bias
    attention.rel_bias = FixedBias(bias)
    return bias.numel()


def fold_gates(block: Block) -> None:
    """LayerScale is a factor a channel, so the last linear layer of the branch can hold it where no norm is between."""
    if type(block.residual) is not Residual:
        return
    for branch, gate, last in ((block.attn, "ls1", "proj"), (block.mlp, "ls2", "fc2")):
        scale, linear = getattr(block, gate), getattr(branch, last, None)
        if type(scale) is LayerScale and type(linear) is nn.Linear:
            linear.weight.mul_(scale.gamma[:, None])
            if linear.bias is not None:
                linear.bias.mul_(scale.gamma)
            setattr(block, gate, nn.Identity())


def plain(linear: NoKeyBias) -> nn.Linear:
    """The plain layer that computes the same."""
    made = nn.Linear(linear.in_features, linear.out_features, device="meta")
    made.weight, made.bias = linear.weight, nn.Parameter(linear.counted_bias())
    return made

"""What the Transformers of text have in common: the sizes of a trunk, and its parts by name.

Shapes: B batch, N tokens, D width, V vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from smalti.configs import demand, demand_words
from smalti.embed import AddedPositions, RotaryPositions
from smalti.errors import InputError
from smalti.nn import Attention, Block, Mlp, PostNormResidual, Residual, SwiGLU, rope_1d, sincos_1d

__all__ = [
    "ACTS",
    "MLPS",
    "NORMS",
    "POSITIONS",
    "WIRINGS",
    "TextConfig",
    "block_parts",
    "build_block",
    "build_norm",
    "check_length",
    "init_normal",
    "last_norm",
]


@dataclass(frozen=True)
class TextConfig:
    """What a Transformer of text is made of.

    Args:
        vocab_size: ids V; a run takes it from its data.
        max_len: tokens of a text at most.
        embed_dim: width D.
        depth: blocks.
        num_heads: heads of each attention.
        mlp_ratio: width of the MLP over D.
        pos_embed: "learned", "sincos" (fixed), "rope" (rotary) or "none".
        norm: "layer" or "rms".
        norm_eps: what norms add to a variance.
        mlp: "gelu", "gelu_tanh" (GPT-2's approximation), "relu" or "swiglu".
        wiring: "pre" (a branch gets normed tokens) or "post" (the sum is normed, as first published).
        qkv_bias: a bias on queries, keys and values.
        drop_rate: dropout of tokens and of what each branch adds.
        attn_drop: dropout of attention weights.
    """

    vocab_size: int = 256
    max_len: int = 1024
    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_ratio: float = 4.0
    pos_embed: Literal["learned", "sincos", "rope", "none"] = "learned"
    norm: Literal["layer", "rms"] = "layer"
    norm_eps: float = 1e-5
    mlp: Literal["gelu", "gelu_tanh", "relu", "swiglu"] = "gelu"
    wiring: Literal["pre", "post"] = "pre"
    qkv_bias: bool = True
    drop_rate: float = 0.0
    attn_drop: float = 0.0

    def __post_init__(self) -> None:
        demand_words(self)
        for name in ("vocab_size", "max_len", "embed_dim", "depth", "num_heads"):
            demand(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        demand(self.mlp_ratio * self.embed_dim >= 1, "mlp_ratio", self.mlp_ratio, "a number above 0")
        demand(self.norm_eps > 0, "norm_eps", self.norm_eps, "a number above 0")
        for name in ("drop_rate", "attn_drop"):
            demand(0 <= getattr(self, name) < 1, name, getattr(self, name), "a share in [0, 1)")


def block_parts(config: TextConfig, *, causal: bool = False) -> tuple[tuple[nn.Module, ...], dict[str, nn.Module]]:
    """The parts of one `Block`, in order, and its options. Dropout of what a branch adds is a gate."""
    D = config.embed_dim
    attention = Attention(D, config.num_heads, qkv_bias=config.qkv_bias, causal=causal, attn_drop=config.attn_drop)
    mlp = MLPS[config.mlp](D, round(D * config.mlp_ratio))
    gates = {name: nn.Dropout(config.drop_rate) for name in ("ls1", "ls2")}
    return (build_norm(config), attention, build_norm(config), mlp), {**gates, "residual": WIRINGS[config.wiring]()}


def build_block(config: TextConfig, *, causal: bool = False) -> Block:
    """One block."""
    parts, options = block_parts(config, causal=causal)
    return Block(*parts, **options)


def build_norm(config: TextConfig) -> nn.Module:
    """One norm of tokens."""
    return NORMS[config.norm](config.embed_dim, eps=config.norm_eps)


def last_norm(config: TextConfig) -> nn.Module:
    """The norm behind the last block, unless that ends with one."""
    return build_norm(config) if config.wiring == "pre" else nn.Identity()


class NoPositions(nn.Module):
    """No positions: attention without them does not see the order of tokens."""

    def forward(self, x: Tensor, place: object) -> tuple[Tensor, None]:
        """Tokens (B, N, D) as they are."""
        return x, None


def learned_positions(config: TextConfig) -> AddedPositions:
    """A learned vector a place, of deviation 0.02 at first."""
    return AddedPositions(torch.empty(config.max_len, config.embed_dim).normal_(std=0.02), learned=True)


def sincos_positions(config: TextConfig) -> AddedPositions:
    """Fixed sines and cosines."""
    return AddedPositions(sincos_1d(config.max_len, config.embed_dim), learned=False)


def rotary_positions(config: TextConfig) -> RotaryPositions:
    """Angles of queries and keys."""
    return RotaryPositions(rope_1d(config.max_len, config.embed_dim // config.num_heads))


def check_length(config: TextConfig, num_tokens: int) -> None:
    """Raises InputError where a text is longer than the model was built for."""
    if num_tokens > config.max_len:
        what = f"{num_tokens} tokens are more than the max_len {config.max_len} of this model"
        raise InputError(what, mend=f"give it {config.max_len} at most")


def init_normal(model: nn.Module) -> None:
    """Linear layers and embeddings normal of deviation 0.02, biases zero (BERT, arXiv:1810.04805; GPT-2)."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


NORMS: dict[str, Callable[..., nn.Module]] = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}
ACTS: dict[str, Callable[[], nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
    "relu": nn.ReLU,
    "swiglu": nn.SiLU,
}
MLPS: dict[str, Callable[..., nn.Module]] = {name: partial(Mlp, act=act) for name, act in ACTS.items()}
MLPS["swiglu"] = SwiGLU
POSITIONS: dict[str, Callable[[Any], nn.Module]] = {
    "learned": learned_positions,
    "sincos": sincos_positions,
    "rope": rotary_positions,
    "none": lambda config: NoPositions(),
}
WIRINGS: dict[str, Callable[[], nn.Module]] = {"pre": Residual, "post": PostNormResidual}

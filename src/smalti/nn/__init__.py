"""Parts that know tensors and nothing else: the one attention, residual, block and Transformer."""

from smalti.nn.attention import Attention, Context, CrossAttention, NoKeyBias, attend, attention_weights
from smalti.nn.cache import Cache
from smalti.nn.grid import GridConv
from smalti.nn.maps import attention_maps
from smalti.nn.masks import causal_mask, combine, padding_bias
from smalti.nn.merge import merge_tokens
from smalti.nn.mimetic import mimetic_
from smalti.nn.mlp import Mlp, SwiGLU
from smalti.nn.norm import ScaledUnitNorm, UnitNorm
from smalti.nn.position import (
    ContinuousBias,
    RelativeBias,
    rope_1d,
    rope_2d,
    rotate,
    rotate_neighbours,
    sincos_1d,
    sincos_2d,
    sixteen_grid,
    token_grid,
    turn_grid,
)
from smalti.nn.precision import ExactLinear, LastLinear
from smalti.nn.recurrent import FUSED, Recurrence
from smalti.nn.residual import DropPath, LayerScale, PostNormResidual, Residual, ResPostNormResidual
from smalti.nn.transformer import Block, DecoderBlock, Transformer
from smalti.nn.window import WindowAttention
from smalti.nn.xavier import xavier_

__all__ = [
    "FUSED",
    "Attention",
    "Block",
    "Cache",
    "Context",
    "ContinuousBias",
    "CrossAttention",
    "DecoderBlock",
    "DropPath",
    "ExactLinear",
    "GridConv",
    "LastLinear",
    "LayerScale",
    "Mlp",
    "NoKeyBias",
    "PostNormResidual",
    "Recurrence",
    "RelativeBias",
    "ResPostNormResidual",
    "Residual",
    "ScaledUnitNorm",
    "SwiGLU",
    "Transformer",
    "UnitNorm",
    "WindowAttention",
    "attend",
    "attention_maps",
    "attention_weights",
    "causal_mask",
    "combine",
    "merge_tokens",
    "mimetic_",
    "padding_bias",
    "rope_1d",
    "rope_2d",
    "rotate",
    "rotate_neighbours",
    "sincos_1d",
    "sincos_2d",
    "sixteen_grid",
    "token_grid",
    "turn_grid",
    "xavier_",
]

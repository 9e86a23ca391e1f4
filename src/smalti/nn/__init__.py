"""Parts that know tensors and nothing else: the one attention, residual, block and Transformer."""

from smalti.nn.attention import Attention, attend, attention_maps, attention_weights
from smalti.nn.masks import causal_mask, combine, padding_mask
from smalti.nn.merge import merge_tokens
from smalti.nn.mlp import Mlp, SwiGLU
from smalti.nn.position import RelativeBias, rope_2d, rotate, sincos_2d
from smalti.nn.precision import ExactLinear
from smalti.nn.residual import DropPath, LayerScale, Residual
from smalti.nn.transformer import Block, Transformer
from smalti.nn.window import WindowAttention

__all__ = [
    "Attention",
    "Block",
    "DropPath",
    "ExactLinear",
    "LayerScale",
    "Mlp",
    "RelativeBias",
    "Residual",
    "SwiGLU",
    "Transformer",
    "WindowAttention",
    "attend",
    "attention_maps",
    "attention_weights",
    "causal_mask",
    "combine",
    "merge_tokens",
    "padding_mask",
    "rope_2d",
    "rotate",
    "sincos_2d",
]

"""timm's names, where they are not ours already: those of BEiT, Swin and Swin V2.

ViT, DeiT, DeiT-III and DINOv2 have one set of names in both.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["from_timm", "to_timm"]

RULES = (  # timm's, ours
    (r"\.gamma_(1|2)$", r".ls\1.gamma"),
    (r"\.attn\.relative_position_bias_table$", ".attn.rel_bias.table"),
    (r"\.attn\.cpb_mlp\.", ".attn.rel_bias.mlp."),
    (r"\.attn\.logit_scale$", ".attn.q_norm.logit_scale"),
)
OURS = (
    (r"\.ls(1|2)\.gamma$", r".gamma_\1"),
    (r"\.attn\.rel_bias\.table$", ".attn.relative_position_bias_table"),
    (r"\.attn\.rel_bias\.mlp\.", ".attn.cpb_mlp."),
    (r"\.attn\.q_norm\.logit_scale$", ".attn.logit_scale"),
)
MADE = ("relative_position_index", "relative_coords_table", "attn_mask", "attn.k_bias")  # computed; old files hold them


def from_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of timm's, of any family here, under our names.

    BEiT and Swin V2 have no bias on keys; ours is zero there.
    """
    renamed = {}
    for name, tensor in state.items():
        if name.endswith(".attn.q_bias"):
            v = state[name.replace("q_bias", "v_bias")]
            renamed[name.replace("q_bias", "qkv.bias")] = torch.cat([tensor, torch.zeros_like(tensor), v])
        elif not name.endswith((".attn.v_bias", *MADE)):
            renamed[rename(name, RULES)] = tensor
    return renamed


def to_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under timm's names; what `from_timm` undoes, but for a bias on keys, which changes no answer."""
    if not any(".attn.rel_bias." in name for name in state):
        return dict(state)
    renamed = {}
    for name, tensor in state.items():
        if name.endswith(".attn.qkv.bias") and not has_key_bias(name, state):
            q, _, v = tensor.chunk(3)
            renamed[name.replace("qkv.bias", "q_bias")], renamed[name.replace("qkv.bias", "v_bias")] = q, v
        else:
            renamed[rename(name, OURS)] = tensor
    return renamed


def has_key_bias(name: str, state: Mapping[str, Tensor]) -> bool:
    """Whether timm's attention with a relative bias has one on keys: Swin's ("layers.0.blocks.") has, those of BEiT
    ("blocks.") and of Swin V2 (whose queries have a scale) have not."""
    return name.startswith("layers.") and name.replace("qkv.bias", "q_norm.logit_scale") not in state


def rename(name: str, table: tuple[tuple[str, str], ...]) -> str:
    """`name` after the first rule that fits it."""
    for pattern, ours in table:
        if re.search(pattern, name):
            return re.sub(pattern, ours, name)
    return name

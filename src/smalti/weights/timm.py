"""timm's names, where they are not ours already: those of BEiT, DINOv3, Swin, Swin V2 and of packed SwiGLU layers.

ViT, DeiT, DeiT-III and DINOv2 up to large have one set of names in both.
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
    (r"\.attn\.rel_bias\.table$", ".attn.relative_position_bias_table"),
    (r"\.attn\.rel_bias\.mlp\.", ".attn.cpb_mlp."),
    (r"\.attn\.q_norm\.logit_scale$", ".attn.logit_scale"),
)
GATES = ((r"\.ls(1|2)\.gamma$", r".gamma_\1"),)
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
        elif is_packed(name, tensor, state):
            for part, half in zip(("fc1_g", "fc1_x"), tensor.chunk(2), strict=True):
                renamed[name.replace("fc1", part)] = half
        elif not name.endswith((".attn.v_bias", *MADE)):
            renamed[rename(name, RULES)] = tensor
    return renamed


def to_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under timm's names; what `from_timm` undoes, but for a bias on keys, which changes no answer.

    A ViT without positions on its tokens is a BEiT or a DINOv3 in timm, and named like them.
    """
    placed = "pos_embed" in state
    renamed = {}
    for name, tensor in state.items():
        if name.endswith(".attn.qkv.bias") and not has_key_bias(name, state):
            q, _, v = tensor.chunk(3)
            renamed[name.replace("qkv.bias", "q_bias")], renamed[name.replace("qkv.bias", "v_bias")] = q, v
        elif placed and ".mlp.fc1_g." in name:
            renamed[name.replace("fc1_g", "fc1")] = torch.cat([tensor, state[name.replace("fc1_g", "fc1_x")]])
        elif not (placed and ".mlp.fc1_x." in name):
            renamed[rename(name, OURS if placed else OURS + GATES)] = tensor
    return renamed


def is_packed(name: str, tensor: Tensor, state: Mapping[str, Tensor]) -> bool:
    """Whether a tensor is gate and value of a SwiGLU in one: twice as long as what goes out by `fc2`."""
    second = state.get(re.sub(r"\.mlp\.fc1\.(weight|bias)$", ".mlp.fc2.weight", name), tensor)
    return second is not tensor and len(tensor) == 2 * second.shape[1]


def has_key_bias(name: str, state: Mapping[str, Tensor]) -> bool:
    """Whether timm's attention has a bias on keys: not in Swin V2, whose queries have a scale, nor in a ViT without
    positions on its tokens."""
    if name.startswith("blocks."):
        return "pos_embed" in state
    return name.replace("qkv.bias", "q_norm.logit_scale") not in state


def rename(name: str, table: tuple[tuple[str, str], ...]) -> str:
    """`name` after the first rule that fits it."""
    for pattern, ours in table:
        if re.search(pattern, name):
            return re.sub(pattern, ours, name)
    return name

"""timm's names, where they are not ours already: those of BEiT, DINOv3, EVA-02, Swin, Swin V2 and the giant DINOv2.

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
MADE = (  # what is computed here (old files hold it), or merged into another tensor
    r"relative_position_index$|relative_coords_table$|attn_mask$|\.attn\.k_bias$|\.attn\.v_bias$|\.attn\.(k|v)_proj\."
)


def from_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of timm's, of any family here, under our names.

    BEiT, EVA-02 and Swin V2 have no bias on keys; ours is zero there.
    """
    renamed = {}
    for name, tensor in state.items():
        if name.endswith(".attn.q_bias"):
            renamed[name.replace("q_bias", "qkv.bias")] = merged(name, "_bias", state)
        elif ".attn.q_proj." in name:
            renamed[name.replace("q_proj", "qkv")] = merged(name, "_proj", state)
        elif is_packed(name, tensor, state):
            for part, half in zip(("fc1_g", "fc1_x"), tensor.chunk(2), strict=True):
                renamed[name.replace("fc1", part)] = half
        elif not re.search(MADE, name):
            renamed[rename(name, RULES)] = tensor
    return renamed


def to_timm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under timm's names; what `from_timm` undoes, but for a bias on keys that changes no answer.

    The family is read off the names: a ViT without positions on its tokens is BEiT or DINOv3; one with them and SwiGLU
    is EVA-02, or with gates a giant DINOv2.
    """

    def has(part: str) -> bool:
        return any(part in name for name in state)

    placed, swiglu, normed = "pos_embed" in state, has(".mlp.fc1_g."), has(".mlp.norm.")
    free_keys = swiglu and not has(".ls1.") if placed else has(".rel_bias.")  # of a bias
    if has("layers."):
        free_keys = has(".q_norm.logit_scale")  # Swin V2, but not Swin
    packed = placed and swiglu and not normed
    renamed = {}
    for name, tensor in state.items():
        if normed and ".attn.qkv." in name:
            for part, third in zip("qkv", tensor.chunk(3), strict=True):
                renamed[name.replace("qkv", f"{part}_proj")] = third
            renamed.pop(name.replace("qkv.bias", "k_proj.bias"), None)
        elif free_keys and name.endswith(".attn.qkv.bias"):
            q, _, v = tensor.chunk(3)
            renamed[name.replace("qkv.bias", "q_bias")], renamed[name.replace("qkv.bias", "v_bias")] = q, v
        elif packed and ".mlp.fc1_g." in name:
            renamed[name.replace("fc1_g", "fc1")] = torch.cat([tensor, state[name.replace("fc1_g", "fc1_x")]])
        elif not (packed and ".mlp.fc1_x." in name):
            renamed[rename(name, OURS if placed else OURS + GATES)] = tensor
    return renamed


def merged(name: str, kind: str, state: Mapping[str, Tensor]) -> Tensor:
    """The tensor `name` of queries with those of keys and values behind it; zeros where there is none."""
    parts = [state.get(name.replace(f"q{kind}", f"{part}{kind}")) for part in "qkv"]
    return torch.cat([torch.zeros_like(state[name]) if part is None else part for part in parts])


def is_packed(name: str, tensor: Tensor, state: Mapping[str, Tensor]) -> bool:
    """Whether a tensor is gate and value of a SwiGLU in one: twice as long as what goes out by `fc2`."""
    second = re.sub(r"\.mlp\.fc1\.(weight|bias)$", ".mlp.fc2.weight", name)
    return second != name and len(tensor) == 2 * state[second].shape[1]


def rename(name: str, table: tuple[tuple[str, str], ...]) -> str:
    """`name` after the first rule that fits it."""
    for pattern, ours in table:
        if re.search(pattern, name):
            return re.sub(pattern, ours, name)
    return name

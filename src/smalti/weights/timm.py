"""timm's names, where they are not ours already: those of BEiT and Swin. The authors' own files of DeiT, DeiT-III,
BEiT, Swin, MAE, DINO and DINOv2 have the same, but for a few.
"""

from collections.abc import Mapping

from torch import Tensor

from smalti.weights.names import Names, Row

__all__ = ["AUTHORS", "TIMM", "from_timm", "to_timm"]

BEIT: tuple[Row, ...] = (
    ("blocks.{i}.attn.qkv.bias", ("blocks.{i}.attn.q_bias", None, "blocks.{i}.attn.v_bias")),
    ("blocks.{i}.ls1.gamma", "blocks.{i}.gamma_1"),
    ("blocks.{i}.ls2.gamma", "blocks.{i}.gamma_2"),
    ("blocks.{i}.attn.rel_bias.table", "blocks.{i}.attn.relative_position_bias_table"),
)
SWIN: tuple[Row, ...] = (
    (
        "layers.{i}.blocks.{j}.attn.rel_bias.table",
        "layers.{i}.blocks.{j}.attn.relative_position_bias_table",
    ),
)
MADE = ("{rest}.relative_position_index", "{rest}.attn.k_bias", "{rest}.attn_mask")  # computed, and stored all the same

TIMM = {
    "vit": Names(),
    "deit": Names(),
    "beit": Names(BEIT, MADE),
    "swin": Names(SWIN, MADE),
}
AUTHORS = {
    "vit": Names(
        (
            ("reg_token", "register_tokens"),  # DINOv2
            ("blocks.{i}.ls1.gamma", "blocks.{i}.gamma_1"),  # DeiT-III
            ("blocks.{i}.ls2.gamma", "blocks.{i}.gamma_2"),
        ),
        # what training without labels leaves behind: MAE's, DINO's and DINOv2's
        ("mask_token", "decoder_{rest}", "head.mlp.{rest}", "head.last_layer.{rest}"),
    ),
    "deit": Names(),
    "beit": Names(BEIT, (*MADE, "mask_token")),
    "swin": Names(
        (
            *SWIN,
            ("layers.{i}.downsample.{rest}", "layers.{i-1}.downsample.{rest}"),  # theirs ends a stage, ours begins one
            ("head.fc.{p}", "head.{p}"),
        ),
        MADE,
    ),
}


def from_timm(state: Mapping[str, Tensor], family: str) -> dict[str, Tensor]:
    """A state dict of timm's for a model of `family`, under our names."""
    return TIMM[family].to_ours(state)


def to_timm(state: Mapping[str, Tensor], family: str) -> dict[str, Tensor]:
    """Our state dict for a model of `family` under timm's names; what `from_timm` undoes, but for a bias on BEiT's
    keys, which changes no answer.
    """
    return TIMM[family].to_theirs(state)

"""torchvision's names of a ViT; its ResNets and ConvNeXts have ours."""

from smalti.weights.names import Names

__all__ = ["TORCHVISION_VIT"]

LAYER = "encoder.layers.encoder_layer_{i}"

TORCHVISION_VIT = Names(
    (
        ("cls_token", "class_token"),
        ("pos_embed", "encoder.pos_embedding"),
        ("patch_embed.proj.{p}", "conv_proj.{p}"),
        ("blocks.{i}.norm1.{p}", f"{LAYER}.ln_1.{{p}}"),
        ("blocks.{i}.attn.qkv.{p}", f"{LAYER}.self_attention.in_proj_{{p}}"),
        ("blocks.{i}.attn.proj.{p}", f"{LAYER}.self_attention.out_proj.{{p}}"),
        ("blocks.{i}.norm2.{p}", f"{LAYER}.ln_2.{{p}}"),
        ("blocks.{i}.mlp.fc1.{p}", f"{LAYER}.mlp.0.{{p}}"),
        ("blocks.{i}.mlp.fc2.{p}", f"{LAYER}.mlp.3.{{p}}"),
        ("blocks.{i}.mlp.fc1.{p}", f"{LAYER}.mlp.linear_1.{{p}}"),  # in the published files, which are older
        ("blocks.{i}.mlp.fc2.{p}", f"{LAYER}.mlp.linear_2.{{p}}"),
        ("norm.{p}", "encoder.ln.{p}"),
        ("pre_logits.fc.{p}", "heads.pre_logits.{p}"),
        ("head.{p}", "heads.head.{p}"),
    )
)

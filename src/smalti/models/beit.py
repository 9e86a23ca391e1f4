"""BEiT (arXiv:2106.08254) and BEiT v2 (arXiv:2208.06366): ViTs that know offsets instead of places.

The class is `models.vit.ViT`: no positions on the tokens, a learned bias on the scores of every block, LayerScale, the
mean of the patches in front of the head. `weights.timm` has the names of the published checkpoints.
"""

from smalti.models.vit import TRUNKS, ViTConfig

__all__ = ["PRESETS"]

BEIT = {"pool": "mean", "pos_embed": "none", "rel_bias": True}
BASE, LARGE = TRUNKS["base"], TRUNKS["large"]

PRESETS = {
    "beit_base_patch16_224": ViTConfig(224, 16, **BASE, **BEIT, layer_scale=0.1),
    "beit_base_patch16_384": ViTConfig(384, 16, **BASE, **BEIT, layer_scale=0.1),
    "beit_large_patch16_224": ViTConfig(224, 16, **LARGE, **BEIT, layer_scale=1e-5),
    "beit_large_patch16_384": ViTConfig(384, 16, **LARGE, **BEIT, layer_scale=1e-5),
    "beit_large_patch16_512": ViTConfig(512, 16, **LARGE, **BEIT, layer_scale=1e-5),
    "beitv2_base_patch16_224": ViTConfig(224, 16, **BASE, **BEIT, layer_scale=1e-5),
    "beitv2_large_patch16_224": ViTConfig(224, 16, **LARGE, **BEIT, layer_scale=1e-5),
}

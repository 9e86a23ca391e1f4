"""Named families: each file picks parts from `nn`, `embed` and `heads`, and lists its presets as data."""

from smalti.models.features import intermediates
from smalti.models.flexivit import at_patch_size
from smalti.models.registry import FAMILIES, build, create_model, list_models, preset_config
from smalti.models.vit import ViT, ViTConfig

__all__ = [
    "FAMILIES",
    "ViT",
    "ViTConfig",
    "at_patch_size",
    "build",
    "create_model",
    "intermediates",
    "list_models",
    "preset_config",
]

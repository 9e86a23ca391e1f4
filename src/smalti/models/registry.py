"""The families and presets by name: dicts you can read."""

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from smalti.configs import fitted, suggest
from smalti.errors import InputError
from smalti.models import beit, cnn, convnext, deit, eva02, flexivit, mlp, resnet, swin, swinv2, vit
from smalti.models.examples import example_images

__all__ = ["FAMILIES", "Family", "build", "create_model", "list_models", "preset_config"]


@dataclass(frozen=True)
class Family:
    """A module class, its config class, its presets, and what gives an input from a config."""

    module: type[nn.Module]
    config: type
    presets: dict[str, Any]
    example: Callable[[Any], tuple[Tensor, ...]] = example_images


FAMILIES: dict[str, Family] = {
    "vit": Family(vit.ViT, vit.ViTConfig, vit.PRESETS),
    "deit": Family(deit.DeiT, deit.DeiTConfig, deit.PRESETS),
    "beit": Family(vit.ViT, vit.ViTConfig, beit.PRESETS),
    "eva02": Family(vit.ViT, vit.ViTConfig, eva02.PRESETS),
    "flexivit": Family(flexivit.FlexiViT, flexivit.FlexiViTConfig, flexivit.PRESETS),
    "swin": Family(swin.Swin, swin.SwinConfig, swin.PRESETS),
    "swinv2": Family(swinv2.SwinV2, swinv2.SwinV2Config, swinv2.PRESETS),
    "cnn": Family(cnn.CNN, cnn.CNNConfig, cnn.PRESETS),
    "mlp": Family(mlp.MLP, mlp.MLPConfig, mlp.PRESETS),
    "resnet": Family(resnet.ResNet, resnet.ResNetConfig, resnet.PRESETS),
    "convnext": Family(convnext.ConvNeXt, convnext.ConvNeXtConfig, convnext.PRESETS),
}


def list_models(pattern: str = "*") -> list[str]:
    """Preset names that match a shell pattern ("vit_*_32"), in the order of their tables."""
    names = [name for family in FAMILIES.values() for name in family.presets]
    return [name for name in names if fnmatch.fnmatchcase(name, pattern)]


def preset_config(name: str, **options: Any) -> tuple[str, Any]:
    """Family name and config of preset `name`, with fields replaced by `options`.

    Raises:
        InputError: the preset or an option is unknown; the nearest name is suggested.
    """
    for family_name, family in FAMILIES.items():
        if name in family.presets:
            return family_name, with_options(family.presets[name], options)
    raise InputError(f'no model is named "{name}"', mend=suggest(name, list_models()) or "smalti models lists them")


def create_model(name: str, **options: Any) -> nn.Module:
    """A model of preset `name` with fresh weights, on (B, C, H, W) floats.

    Args:
        name: a preset ("vit_base_patch16_224"); `list_models()` names all.
        options: fields of the family's config to replace (num_classes=10, in_chans=1, img_size=96).
    """
    return build(*preset_config(name, **options))


def build(family: str, config: Any) -> nn.Module:
    """The module of a family from its config. Raises InputError on an unknown family."""
    if family not in FAMILIES:
        raise InputError(
            f'unknown model family "{family}"', mend=suggest(family, FAMILIES) or "use a newer smalti to read it"
        )
    return FAMILIES[family].module(config)


def with_options(config: Any, options: dict[str, Any]) -> Any:
    """`config` with fields replaced. Raises InputError on an unknown name or a value of another type."""
    return replace(config, **fitted(type(config), options))

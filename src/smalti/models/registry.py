"""The families and presets by name: dicts you can read."""

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from smalti.configs import fitted, suggest
from smalti.errors import InputError
from smalti.models import (
    beit,
    bert,
    cct,
    cnn,
    convnext,
    deit,
    dino,
    eva02,
    flexivit,
    gpt,
    mlp,
    resnet,
    rnn,
    rnn_seq2seq,
    seq2seq,
    swin,
    swinv2,
    vit,
)

__all__ = ["FAMILIES", "Family", "build", "create_model", "list_models", "preset_config"]

EXAMPLE_SEED = 20260101
EXAMPLE_TOKENS = 16
TIMMS = {  # options of timm's create_model, and what they are here
    "pretrained": 'smalti.import_weights("timm/...", out, download=True) makes a model file of published weights',
    "global_pool": 'leave it out, or say pool="mean", "cls" or "map" to a ViT',
}


@dataclass(frozen=True)
class Family:
    """A module class, its config class and its presets; `example` gives what such a module takes, always the same."""

    module: type[nn.Module]
    config: type
    presets: dict[str, Any]
    example: Callable[[Any], tuple[Tensor, ...]]


def example_images(config: Any) -> tuple[Tensor]:
    """A picture (1, C, H, W)."""
    return (torch.randn(1, config.in_chans, *config.size, generator=seeded()),)


def example_tokens(config: Any) -> tuple[Tensor]:
    """A text of a few ids (1, N)."""
    N = min(getattr(config, "max_len", EXAMPLE_TOKENS), EXAMPLE_TOKENS)
    return (torch.randint(config.vocab_size, (1, N), generator=seeded()),)


def example_pairs(config: Any) -> tuple[Tensor, Tensor]:
    """A source and what it becomes, (1, N) ids each."""
    (source,) = example_tokens(config)
    return source, source.flip(1)


def seeded() -> torch.Generator:
    """Draws the same numbers every time, on the CPU."""
    return torch.Generator().manual_seed(EXAMPLE_SEED)


FAMILIES: dict[str, Family] = {
    "vit": Family(vit.ViT, vit.ViTConfig, vit.PRESETS | dino.PRESETS | cct.PRESETS, example_images),
    "deit": Family(deit.DeiT, deit.DeiTConfig, deit.PRESETS, example_images),
    "beit": Family(vit.ViT, vit.ViTConfig, beit.PRESETS, example_images),
    "eva02": Family(vit.ViT, vit.ViTConfig, eva02.PRESETS, example_images),
    "flexivit": Family(flexivit.FlexiViT, flexivit.FlexiViTConfig, flexivit.PRESETS, example_images),
    "swin": Family(swin.Swin, swin.SwinConfig, swin.PRESETS, example_images),
    "swinv2": Family(swinv2.SwinV2, swinv2.SwinV2Config, swinv2.PRESETS, example_images),
    "cnn": Family(cnn.CNN, cnn.CNNConfig, cnn.PRESETS, example_images),
    "mlp": Family(mlp.MLP, mlp.MLPConfig, mlp.PRESETS, example_images),
    "resnet": Family(resnet.ResNet, resnet.ResNetConfig, resnet.PRESETS, example_images),
    "convnext": Family(convnext.ConvNeXt, convnext.ConvNeXtConfig, convnext.PRESETS, example_images),
    "gpt": Family(gpt.GPT, gpt.GPTConfig, gpt.PRESETS, example_tokens),
    "bert": Family(bert.BERT, bert.BERTConfig, bert.PRESETS, example_tokens),
    "seq2seq": Family(seq2seq.Seq2Seq, seq2seq.Seq2SeqConfig, seq2seq.PRESETS, example_pairs),
    "rnn": Family(rnn.RecurrentLM, rnn.RecurrentConfig, rnn.PRESETS, example_tokens),
    "rnn_seq2seq": Family(
        rnn_seq2seq.RecurrentSeq2Seq, rnn_seq2seq.RecurrentSeq2SeqConfig, rnn_seq2seq.PRESETS, example_pairs
    ),
}


def list_models(pattern: str = "*") -> list[str]:
    """Preset names, in the order of their tables.

    Args:
        pattern: of a shell, such as "vit_*_32".
    """
    names = [name for family in FAMILIES.values() for name in family.presets]
    return [name for name in names if fnmatch.fnmatchcase(name, pattern)]


def preset_config(name: str, **options: Any) -> tuple[str, Any]:
    """Family name and config of preset `name`, with fields replaced by `options`.

    Raises:
        InputError: the preset or an option is unknown; the nearest names are suggested.
    """
    for family_name, family in FAMILIES.items():
        if name in family.presets:
            return family_name, with_options(family.presets[name], options)
    raise InputError(f'no model is named "{name}"', mend=nearest(name) or "smalti models lists them")


def nearest(name: str) -> str:
    """Which presets may be meant by a name that is none: those that go on where it ends, else the one spelled most like
    it; "" where there is none. The tag of timm's names ("resnet50.a1_in1k") says which weights, not which model."""
    bare = name.partition(".")[0]
    longer = list_models(f"{bare}_*")
    if bare in list_models() or not longer:
        return suggest(bare, list_models())
    names = [f'"{one}"' for one in longer]
    return f"did you mean {' or '.join(names)}?" if len(names) <= 6 else f"smalti models '{bare}_*' lists {len(names)}"


def create_model(name: str, **options: Any) -> nn.Module:
    """A model of preset `name` with fresh weights, on pictures (B, C, H, W) or ids (B, N).

    Args:
        name: a preset ("vit_base_patch16_224"); `list_models()` names all.
        options: fields of the family's config to replace (num_classes=10, in_chans=1, img_size=96).
    """
    for word in TIMMS.keys() & options.keys():
        raise InputError(f'there is no setting "{word}"', mend=TIMMS[word])
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

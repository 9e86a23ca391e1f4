"""What other libraries call the settings of a model: a config of ours as the arguments of timm's class, or as the
config.json of transformers. Each raises InputError for a model that the other library has no class for.
"""

from collections.abc import Callable
from typing import Any

from smalti.errors import InputError
from smalti.models.bert import BERTConfig
from smalti.models.deit import DeiTConfig
from smalti.models.gpt import GPTConfig
from smalti.models.swin import SwinConfig
from smalti.models.swinv2 import SwinV2Config
from smalti.models.text import TextConfig
from smalti.models.vit import ViTConfig
from smalti.weights.text import ACTS, TEXT
from smalti.weights.timm import pads_and_shifts

__all__ = ["HUGGINGFACE", "TIMM"]

Arguments = tuple[str, dict[str, Any]]  # the name of the model or class, and its settings


def refuse(library: str, wrong: dict[str, bool]) -> None:
    """Raises InputError naming the first part that the library's class does not have."""
    for part, has in wrong.items():
        if has:
            raise InputError(f"{library} has no model with {part}", mend="train another preset, or use smalti.load")


def ours_only(config: ViTConfig, pools: tuple[str, ...] = ("cls", "mean")) -> dict[str, bool]:
    """Parts of a ViT that only smalti's has, or that others have under other names; `pools` are those they have."""
    return {
        "a convolutional stem": config.stem != "patch",
        "a convolution in place of attention": config.conv_blocks > 0,
        "rotary positions": config.rope != "none",
        f'"{config.pool}" pooling': config.pool not in pools,
        "SwiGLU": config.mlp != "gelu",
        "no positions": config.pos_embed == "none" and not config.rel_bias,
        "a hidden layer in the head": config.pre_logits is not None,
    }


def timm_only(config: ViTConfig, pools: tuple[str, ...] = ("cls", "mean")) -> dict[str, bool]:
    """The same, and what timm cannot be told: its norms add 1e-6. Less, as transformers' 1e-12, changes no answer."""
    return {**ours_only(config, pools), f"norms that add {config.norm_eps:g}": config.norm_eps > 1e-6}


def shape(config: ViTConfig) -> dict[str, Any]:
    """What every ViT of timm is told."""
    return {
        "img_size": config.size,
        "patch_size": config.patch_size,
        "embed_dim": config.embed_dim,
        "depth": config.depth,
        "num_heads": config.num_heads,
        "mlp_ratio": config.mlp_ratio,
    }


TIMM_POOLS = {
    "cls": {"global_pool": "token"},
    "mean": {"global_pool": "avg"},
    "normed_mean": {"global_pool": "avg", "fc_norm": False},
}  # as timm's VisionTransformer has them


def timm_vit(config: ViTConfig) -> Arguments:
    """timm's VisionTransformer."""
    refuse("timm", {**timm_only(config, tuple(TIMM_POOLS)), "a bias on scores in this class": config.rel_bias})
    return "vit_base_patch16_224", {
        **shape(config),
        "qkv_bias": config.qkv_bias,
        "qk_norm": config.qk_norm,
        "init_values": config.layer_scale,
        **TIMM_POOLS[config.pool],
        "class_token": config.cls_token,
        "reg_tokens": config.reg_tokens,
        "no_embed_class": not config.pos_prefix,
    }


def timm_deit(config: DeiTConfig) -> Arguments:
    """timm's VisionTransformerDistilled."""
    _, arguments = timm_vit(config)
    refuse("timm", {"registers beside a distillation token": config.reg_tokens > 0 or not config.pos_prefix})
    for given in ("global_pool", "fc_norm", "class_token", "reg_tokens", "no_embed_class"):
        arguments.pop(given, None)
    return "deit_base_distilled_patch16_224", arguments


def timm_beit(config: ViTConfig) -> Arguments:
    """timm's Beit."""
    refuse("timm", {**timm_only(config), "positions beside a bias on scores": config.pos_embed != "none"})
    refuse("timm", {"normed queries in this class": config.qk_norm, "registers in this class": config.reg_tokens > 0})
    pool = {"cls": "token", "mean": "avg"}[config.pool]
    return "beit_base_patch16_224", {**shape(config), "init_values": config.layer_scale, "global_pool": pool}


def timm_swin(config: SwinConfig) -> Arguments:
    """timm's SwinTransformer."""
    refuse("timm", {"shifted windows on a grid that they do not fill": pads_and_shifts(config)})
    return "swin_tiny_patch4_window7_224", {
        "img_size": config.size,
        "patch_size": config.patch_size,
        "embed_dim": config.embed_dim,
        "depths": config.depths,
        "num_heads": config.num_heads,
        "window_size": config.window,
        "mlp_ratio": config.mlp_ratio,
        "qkv_bias": config.qkv_bias,
    }


def timm_swinv2(config: SwinV2Config) -> Arguments:
    """timm's SwinTransformerV2."""
    _, arguments = timm_swin(config)
    windows = config.trained_windows or (0,) * len(config.depths)
    return "swinv2_tiny_window8_256", {**arguments, "pretrained_window_sizes": windows}


def square(config: Any) -> int | list[int]:
    """Side of a square picture, else height and width."""
    height, width = config.size
    return height if height == width else [height, width]


def hf_shape(config: ViTConfig) -> dict[str, Any]:
    """What every ViT of transformers is told."""
    return {
        "image_size": square(config),
        "patch_size": config.patch_size,
        "hidden_size": config.embed_dim,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.num_heads,
        "intermediate_size": int(config.embed_dim * config.mlp_ratio),
        "hidden_act": "gelu",
        "layer_norm_eps": config.norm_eps,
        "qkv_bias": config.qkv_bias,
    }


def hf_vit(config: ViTConfig) -> Arguments:
    """transformers' ViTForImageClassification."""
    refuse(
        "transformers",
        {
            **ours_only(config),
            "a bias on scores in this class": config.rel_bias,
            "LayerScale in this class": config.layer_scale is not None,
            "normed queries in this class": config.qk_norm,
            "registers in this class": config.reg_tokens > 0,
            "a mean of patches in this class": config.pool != "cls",
            "positions on patches only": not config.pos_prefix,
        },
    )
    return "ViTForImageClassification", {"model_type": "vit", **hf_shape(config)}


def hf_deit(config: DeiTConfig) -> Arguments:
    """transformers' DeiTForImageClassificationWithTeacher."""
    _, told = hf_vit(config)
    return "DeiTForImageClassificationWithTeacher", {**told, "model_type": "deit"}


def hf_beit(config: ViTConfig) -> Arguments:
    """transformers' BeitForImageClassification."""
    refuse("transformers", {**ours_only(config), "positions beside a bias on scores": config.pos_embed != "none"})
    refuse(
        "transformers",
        {
            "normed queries in this class": config.qk_norm,
            "a class token read from a BEiT": config.pool != "mean",
            "a bias on scores over a grid that is no square": len({*config.size}) > 1,  # it takes width for height
        },
    )
    return "BeitForImageClassification", {
        "model_type": "beit",
        **hf_shape(config),
        "use_relative_position_bias": True,
        "use_absolute_position_embeddings": False,
        "use_mean_pooling": True,
        "layer_scale_init_value": config.layer_scale or 0.0,
    }


def hf_swin(config: SwinConfig) -> Arguments:
    """transformers' SwinForImageClassification."""
    return "SwinForImageClassification", {
        "model_type": "swin",
        "image_size": square(config),
        "patch_size": config.patch_size,
        "embed_dim": config.embed_dim,
        "depths": list(config.depths),
        "num_heads": list(config.num_heads),
        "window_size": config.window,
        "mlp_ratio": config.mlp_ratio,
        "qkv_bias": config.qkv_bias,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
    }


def hf_swinv2(config: SwinV2Config) -> Arguments:
    """transformers' Swinv2ForImageClassification."""
    _, told = hf_swin(config)
    windows = list(config.trained_windows or (0,) * len(config.depths))
    return "Swinv2ForImageClassification", {**told, "model_type": "swinv2", "pretrained_window_sizes": windows}


def not_published(config: TextConfig, wiring: str) -> dict[str, bool]:
    """Parts of a Transformer of text that GPT-2 and BERT have not."""
    return {
        f'"{config.pos_embed}" positions in this class': config.pos_embed != "learned",
        "RMSNorm in this class": config.norm != "layer",
        "SwiGLU in this class": config.mlp == "swiglu",
        f'"{config.wiring}" wiring in this class': config.wiring != wiring,
        "no bias on queries, keys and values": not config.qkv_bias,
    }


def hf_sizes(config: TextConfig, family: str) -> dict[str, Any]:
    """What a Transformer of text is told of its sizes."""
    told = {theirs: getattr(config, ours) for ours, theirs in TEXT[family].sizes.items()}
    return {"model_type": TEXT[family].kind, **told}


def hf_act(config: TextConfig) -> str:
    """transformers' word for what is between the layers of an MLP."""
    return {ours: theirs for theirs, ours in ACTS.items()}[config.mlp]


def hf_gpt(config: GPTConfig) -> Arguments:
    """transformers' GPT2LMHeadModel."""
    refuse("transformers", {**not_published(config, "pre"), "a head of its own in this class": not config.tied})
    return "GPT2LMHeadModel", {
        **hf_sizes(config, "gpt"),
        "embd_pdrop": config.drop_rate,
        "n_inner": round(config.embed_dim * config.mlp_ratio),
        "activation_function": hf_act(config),
    }


def hf_bert(config: BERTConfig) -> Arguments:
    """transformers' BertForMaskedLM or BertForSequenceClassification."""
    refuse("transformers", not_published(config, "post"))
    return "BertForSequenceClassification" if config.num_classes else "BertForMaskedLM", {
        **hf_sizes(config, "bert"),
        "intermediate_size": round(config.embed_dim * config.mlp_ratio),
        "hidden_act": hf_act(config),
    }


TIMM: dict[str, Callable[[Any], Arguments]] = {
    "vit": timm_vit,
    "deit": timm_deit,
    "beit": timm_beit,
    "swin": timm_swin,
    "swinv2": timm_swinv2,
}
HUGGINGFACE: dict[str, Callable[[Any], Arguments]] = {
    "vit": hf_vit,
    "deit": hf_deit,
    "beit": hf_beit,
    "swin": hf_swin,
    "swinv2": hf_swinv2,
    "gpt": hf_gpt,
    "bert": hf_bert,
}

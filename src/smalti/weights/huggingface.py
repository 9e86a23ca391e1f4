"""The names of transformers: ViT, DeiT, BEiT, Swin, DINOv2 and DINOv3, as its published files have them.

Names of a model with a head start with its kind ("vit.encoder..."), those of a bare trunk do not: `KINDS` says which.
"""

import math
from collections.abc import Mapping
from typing import Any

from smalti.errors import InputError
from smalti.models import list_models, preset_config
from smalti.weights.names import Names, Row

__all__ = ["HUGGINGFACE", "KINDS", "options_from_huggingface", "preset_of", "refuse_others", "sizes_of", "task_of"]

KINDS = {  # their "model_type", and our presets of it
    "vit": "vit_*_patch*_[0-9]*",
    "vit_mae": "vit_*_patch*_[0-9]*",
    "vit_msn": "vit_*_patch*_[0-9]*",
    "deit": "deit_*_distilled_*",
    "beit": "beit*",
    "swin": "swin_*",
    "swinv2": "swinv2_*",
    "dinov2": "vit_*_patch*_dinov2",
    "dinov2_with_registers": "vit_*_reg4_dinov2",
    "dinov3_vit": "vit_*_dinov3_qkvb",
}
SIZES = {
    "embed_dim": "hidden_size",
    "depth": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "patch_size": "patch_size",
}
STAGES = {one: one for one in ("embed_dim", "depths", "num_heads", "patch_size")} | {"window": "window_size"}


def block(ours: str, theirs: str, inner: str) -> tuple[Row, ...]:
    """The rows of a block; its queries, keys and values are below `inner`."""
    return (
        (f"{ours}.norm1.{{p}}", f"{theirs}.layernorm_before.{{p}}"),
        (f"{ours}.attn.qkv.weight", three(f"{theirs}.{inner}", "weight")),
        (f"{ours}.attn.qkv.bias", three(f"{theirs}.{inner}", "bias")),
        (f"{ours}.attn.proj.{{p}}", f"{theirs}.attention.output.dense.{{p}}"),
        (f"{ours}.norm2.{{p}}", f"{theirs}.layernorm_after.{{p}}"),
        (f"{ours}.mlp.fc1.{{p}}", f"{theirs}.intermediate.dense.{{p}}"),
        (f"{ours}.mlp.fc2.{{p}}", f"{theirs}.output.dense.{{p}}"),
    )


def three(inner: str, part: str) -> tuple[str, ...]:
    """Queries, keys and values as layers of their own."""
    return tuple(f"{inner}.{one}.{part}" for one in ("query", "key", "value"))


EMBEDDINGS: tuple[Row, ...] = (
    ("cls_token", "embeddings.cls_token"),
    ("pos_embed", "embeddings.position_embeddings"),
    ("patch_embed.proj.{p}", "embeddings.patch_embeddings.projection.{p}"),
    ("norm.{p}", "layernorm.{p}"),
)
TRUNK = (*EMBEDDINGS, *block("blocks.{i}", "encoder.layer.{i}", "attention.attention"))
VIT = (*TRUNK, ("head.{p}", "classifier.{p}"))
DEIT = (
    *TRUNK,
    ("dist_token", "embeddings.distillation_token"),
    ("head.{p}", "cls_classifier.{p}"),
    ("head_dist.{p}", "distillation_classifier.{p}"),
)
INNER = "encoder.layer.{i}.attention.attention"
BEIT = (
    # no bias on keys: it would move all scores of a query alike, which softmax does not see
    ("blocks.{i}.attn.qkv.bias", (f"{INNER}.query.bias", None, f"{INNER}.value.bias")),
    ("blocks.{i}.attn.rel_bias.table", f"{INNER}.relative_position_bias.relative_position_bias_table"),
    ("blocks.{i}.ls1.gamma", "encoder.layer.{i}.lambda_1"),
    ("blocks.{i}.ls2.gamma", "encoder.layer.{i}.lambda_2"),
    ("rel_bias.table", "encoder.relative_position_bias.relative_position_bias_table"),  # one for all, in pretraining
    ("fc_norm.{p}", "pooler.layernorm.{p}"),
    *VIT,
)
LAYER, GRID = "encoder.layers.{i}.blocks.{j}", "layers.{i}.blocks.{j}"
SWIN = (
    ("patch_embed.norm.{p}", "embeddings.norm.{p}"),
    (f"{GRID}.attn.rel_bias.table", f"{LAYER}.attention.self.relative_position_bias_table"),
    *block(GRID, LAYER, "attention.self"),
    ("layers.{i}.downsample.{rest}", "encoder.layers.{i-1}.downsample.{rest}"),  # theirs ends a stage, ours begins one
    ("head.fc.{p}", "classifier.{p}"),
    *EMBEDDINGS,
)
V2 = f"{LAYER}.attention.self"
SWINV2 = (
    (f"{GRID}.attn.qkv.bias", (f"{V2}.query.bias", None, f"{V2}.value.bias")),
    (f"{GRID}.attn.q_norm.logit_scale", f"{V2}.logit_scale"),
    (f"{GRID}.attn.rel_bias.mlp.{{rest}}", f"{V2}.continuous_position_bias_mlp.{{rest}}"),
    *SWIN,
)
DINOV2 = (
    ("reg_token", "embeddings.register_tokens"),
    ("blocks.{i}.norm1.{p}", "encoder.layer.{i}.norm1.{p}"),
    ("blocks.{i}.norm2.{p}", "encoder.layer.{i}.norm2.{p}"),
    ("blocks.{i}.ls1.gamma", "encoder.layer.{i}.layer_scale1.lambda1"),
    ("blocks.{i}.ls2.gamma", "encoder.layer.{i}.layer_scale2.lambda1"),
    ("blocks.{i}.mlp.{rest}", "encoder.layer.{i}.mlp.{rest}"),
    *VIT,
)
DINOV2_GATED = (
    (("blocks.{i}.mlp.fc1_g.{p}", "blocks.{i}.mlp.fc1_x.{p}"), "encoder.layer.{i}.mlp.weights_in.{p}"),
    ("blocks.{i}.mlp.fc2.{p}", "encoder.layer.{i}.mlp.weights_out.{p}"),
    *DINOV2,
)
DINOV3 = (
    ("cls_token", "embeddings.cls_token"),
    ("reg_token", "embeddings.register_tokens"),
    ("patch_embed.proj.{p}", "embeddings.patch_embeddings.{p}"),
    ("blocks.{i}.norm1.{p}", "layer.{i}.norm1.{p}"),
    ("blocks.{i}.attn.qkv.weight", tuple(f"layer.{{i}}.attention.{one}_proj.weight" for one in "qkv")),
    ("blocks.{i}.attn.qkv.bias", ("layer.{i}.attention.q_proj.bias", None, "layer.{i}.attention.v_proj.bias")),
    ("blocks.{i}.attn.proj.{p}", "layer.{i}.attention.o_proj.{p}"),
    ("blocks.{i}.ls1.gamma", "layer.{i}.layer_scale1.lambda1"),
    ("blocks.{i}.norm2.{p}", "layer.{i}.norm2.{p}"),
    ("blocks.{i}.mlp.fc2.{p}", "layer.{i}.mlp.down_proj.{p}"),
    ("blocks.{i}.ls2.gamma", "layer.{i}.layer_scale2.lambda1"),
)
GELU: tuple[Row, ...] = (("blocks.{i}.mlp.fc1.{p}", "layer.{i}.mlp.up_proj.{p}"),)
SWIGLU: tuple[Row, ...] = (
    ("blocks.{i}.mlp.fc1_g.{p}", "layer.{i}.mlp.gate_proj.{p}"),
    ("blocks.{i}.mlp.fc1_x.{p}", "layer.{i}.mlp.up_proj.{p}"),
)
TASKS = {  # by their "problem_type"
    "single_label_classification": "classify",
    "multi_label_classification": "multilabel",
    "regression": "regress",
}
UNUSED = (
    *("embeddings.mask_token", "pooler.dense.{p}", "{rest}relative_position_index"),
    *("lm_head.{p}", "decoder.{rest}"),  # what training without labels leaves behind: BEiT's and MAE's
)

HUGGINGFACE = {
    "vit": Names((*VIT, ("reg_token", "embeddings.distillation_token")), UNUSED),  # of a DeiT that is one: `kind_of`
    "deit": Names(DEIT, (*UNUSED, "classifier.{p}")),
    "beit": Names(BEIT, UNUSED),
    "swin": Names(SWIN, UNUSED),
    "swinv2": Names(SWINV2, (*UNUSED, "{rest}relative_coords_table")),
    "dinov2": Names(DINOV2, UNUSED),
    "dinov2, gated": Names(DINOV2_GATED, UNUSED),
    "dinov3": Names((*DINOV3, *GELU), UNUSED),
    "dinov3, gated": Names((*DINOV3, *SWIGLU), UNUSED),
}


def preset_of(told: Mapping[str, Any]) -> str | None:
    """The preset that a config.json of transformers describes, if possible at its image size; None where none fits."""
    sizes, inner, gated = read_sizes(told), inner_width(told), is_gated(told)
    configs = {name: preset_config(name)[1] for name in list_models(KINDS.get(kind_of(told), ""))}
    fit = [
        name
        for name, one in configs.items()
        if all(getattr(one, ours) == sizes[ours] for ours in sizes)
        and inner in (int(one.embed_dim * one.mlp_ratio), None)
        and gated in (getattr(one, "mlp", "") == "swiglu", None)  # DINOv3's small and small plus are alike but for that
    ]
    return next((name for name in fit if configs[name].img_size == told.get("image_size")), fit[0] if fit else None)


def read_sizes(told: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes in a config.json of transformers, as fields of our configs; None for one that it does not say."""
    sizes = {ours: told.get(theirs) for ours, theirs in (STAGES if "depths" in told else SIZES).items()}
    return {ours: tuple(size) if isinstance(size, list) else size for ours, size in sizes.items()}


def sizes_of(told: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """A preset of the kind that a config.json of transformers describes, and the sizes that make such a model of it;
    None where that kind is not read, or not all of them are said.
    """
    sizes, base = read_sizes(told), next(iter(list_models(KINDS.get(kind_of(told), ""))), None)
    if base is None or None in sizes.values():
        return None
    if "depths" in told:  # each stage rounds for itself
        sizes |= {"mlp_ratio": told["mlp_ratio"]} if told.get("mlp_ratio") else {}
    elif inner := inner_width(told):
        sizes["mlp_ratio"] = ratio_of(inner, sizes["embed_dim"])
    if is_gated(told):
        sizes["mlp"] = "swiglu"
    if told.get("model_type") == "swinv2":
        sizes["trained_windows"] = trained_windows(told)  # the preset's are for its own number of stages
    return base, sizes


def is_gated(told: Mapping[str, Any]) -> bool | None:
    """Whether the MLPs are SwiGLU; None for a kind that has no such setting."""
    return told.get("use_gated_mlp", told.get("use_swiglu_ffn"))  # DINOv3's, DINOv2's


def inner_width(told: Mapping[str, Any]) -> int | None:
    """The width inside of MLPs, in a first stage where there are several; None where it is not said."""
    inner, ratio = told.get("intermediate_size"), told.get("mlp_ratio")
    width = told.get("embed_dim" if "depths" in told else "hidden_size")
    if isinstance(inner, int) or not (isinstance(width, int) and isinstance(ratio, int | float)):
        return inner if isinstance(inner, int) else None
    inner = int(width * ratio)
    return math.ceil(int(inner * 2 / 3) / 8) * 8 if told.get("use_swiglu_ffn") else inner


def ratio_of(inner: int, width: int) -> float:
    """The `mlp_ratio` of an MLP of that width in tokens of that one: what `int(width * ratio)` makes `inner`."""
    ratio = inner / width
    return ratio if int(width * ratio) == inner else math.nextafter(ratio, math.inf)


def kind_of(told: Mapping[str, Any]) -> str:
    """A config.json's "model_type". A DeiT whose head reads the class token alone is a ViT, and its token for
    distillation a register.
    """
    return "vit" if told.get("architectures") == ["DeiTForImageClassification"] else str(told.get("model_type"))


def options_from_huggingface(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a config.json of transformers says of the pictures a model takes, of the windows it was trained in, and of
    positions and gates of a BEiT, as fields of our configs."""
    names = {"image_size": "img_size", "num_channels": "in_chans"}
    options = {ours: told[theirs] for theirs, ours in names.items() if told.get(theirs)}
    if told.get("model_type") == "swinv2" and (windows := trained_windows(told)):
        options["trained_windows"] = windows
    if told.get("model_type") == "beit":
        biases = ("use_relative_position_bias", "use_shared_relative_position_bias")
        options["rel_bias"] = any(told.get(one) for one in biases)
        options["pos_embed"] = "learned" if told.get("use_absolute_position_embeddings") else "none"
        options["layer_scale"] = told.get("layer_scale_init_value", 0.1) or None
    return options


def task_of(told: Mapping[str, Any], outputs: int) -> str:
    """What the outputs of a head for classes are, by a config.json of transformers: our word for its "problem_type". A
    folder that has none and a single output holds a regression, as transformers trains it.
    """
    silent = "regress" if outputs == 1 and "model_type" in told else "classify"
    return TASKS.get(str(told.get("problem_type")), silent) if outputs else "classify"


def trained_windows(told: Mapping[str, Any]) -> tuple[int, ...]:
    """The windows a Swin V2 was trained in: those it names, else its own, none larger than its grid; empty where it
    does not say."""
    named = tuple(told.get("pretrained_window_sizes") or ())
    if any(named):
        return named
    side, patch, window = (told.get(name) for name in ("image_size", "patch_size", "window_size"))
    if not (isinstance(side, int) and isinstance(patch, int) and isinstance(window, int)):
        return ()
    return tuple(min(window, math.ceil(side / patch / 2**stage)) for stage in range(len(told.get("depths", ()))))


def refuse_others(told: Mapping[str, Any], preset: str, **sizes: Any) -> None:
    """Raises InputError where a config.json of transformers is of another model than the preset, with its `sizes` if
    there are any, in what the shapes of weights do not tell.
    """
    config: Any = preset_config(preset, **sizes)[1]
    heads = getattr(config, "num_heads", None)
    gated = told.get("model_type") == "dinov3_vit" and config.mlp == "swiglu"
    wanted = {
        (STAGES if "depths" in told else SIZES)["num_heads"]: list(heads) if isinstance(heads, tuple) else heads,
        "hidden_act": "silu" if gated else "gelu",
    }
    if not hasattr(config, "norm_eps"):
        wanted["layer_norm_eps"] = 1e-5
    if told.get("model_type") == "dinov3_vit":
        wanted["rope_theta"] = 100.0
    if told.get("architectures") == ["BeitForMaskedImageModeling"]:
        wanted["use_mean_pooling"] = True  # else there are two norms, one behind the other
    for name, value in wanted.items():
        if told.get(name) not in (value, None):
            what = f"{name} = {told[name]!r} in config.json is something smalti's {preset} has not"
            raise InputError(what, mend="name the preset of these weights, or use transformers")

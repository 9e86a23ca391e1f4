"""timm's names, where they are not ours already: those of BEiT, DINOv3, EVA-02, Swin, Swin V2, of ConvNeXt, of packed
SwiGLU layers and of pooling by attention. The authors' own files of DeiT, DeiT-III, BEiT, Swin, MAE, DINO, DINOv2 and
DINOv3 have the same, but for a few.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from smalti.errors import InputError
from smalti.models import list_models, preset_config
from smalti.models.swin import SwinConfig
from smalti.weights.huggingface import trained_windows
from smalti.weights.names import Names, Row

__all__ = ["authors_names", "from_timm", "options_from_timm", "pads_and_shifts", "timm_names", "to_timm"]

BLOCK, GRID = "blocks.{i}", "layers.{i}.blocks.{j}"
MADE = (  # computed, and stored all the same
    *("{rest}.relative_position_index", "{rest}.relative_coords_table", "{rest}.attn_mask", "{rest}.attn.k_bias"),
)
DOWN: Row = ("layers.{i}.downsample.{rest}", "layers.{i-1}.downsample.{rest}")  # theirs ends a stage, ours begins one
SWIN_EXTRA: tuple[Row, ...] = (DOWN, ("head.fc.{p}", "head.{p}"))


def no_key_bias(block: str) -> Row:
    """A bias on keys moves all scores of a query alike, which softmax does not see: BEiT and Swin V2 have none."""
    return f"{block}.attn.qkv.bias", (f"{block}.attn.q_bias", None, f"{block}.attn.v_bias")


def packed(theirs: str) -> Row:
    """Gate and value of SwiGLU as one layer of that name."""
    return (f"{BLOCK}.mlp.fc1_g.{{p}}", f"{BLOCK}.mlp.fc1_x.{{p}}"), f"{BLOCK}.mlp.{theirs}.{{p}}"


MAP: Row = ("pool.{rest}", "attn_pool.{rest}")
GATES: tuple[Row, ...] = (f"{BLOCK}.ls1.gamma", f"{BLOCK}.gamma_1"), (f"{BLOCK}.ls2.gamma", f"{BLOCK}.gamma_2")
OFFSETS: Row = (f"{BLOCK}.attn.rel_bias.table", f"{BLOCK}.attn.relative_position_bias_table")
SHARED: Row = ("rel_bias.table", "rel_pos_bias.relative_position_bias_table")  # one for all blocks, in pretraining

PLAIN, PACKED = Names((MAP,)), Names((MAP, packed("fc1")))
BEIT = Names((no_key_bias(BLOCK), *GATES, OFFSETS), MADE)
DINOV3, DINOV3_BIASED = Names(GATES, MADE), Names((no_key_bias(BLOCK), *GATES), MADE)
SWIN = Names(((f"{GRID}.attn.rel_bias.table", f"{GRID}.attn.relative_position_bias_table"),), MADE)
SWIN_V2 = Names(
    (
        no_key_bias(GRID),
        (f"{GRID}.attn.rel_bias.mlp.{{rest}}", f"{GRID}.attn.cpb_mlp.{{rest}}"),
        (f"{GRID}.attn.q_norm.logit_scale", f"{GRID}.attn.logit_scale"),
    ),
    MADE,
)
EVA_02 = Names((no_key_bias(BLOCK), MAP, packed("fc1")), MADE)
EVA_02_APART = Names(  # base and large
    (
        (f"{BLOCK}.attn.qkv.weight", tuple(f"{BLOCK}.attn.{one}_proj.weight" for one in "qkv")),
        (f"{BLOCK}.attn.qkv.bias", (f"{BLOCK}.attn.q_proj.bias", None, f"{BLOCK}.attn.v_proj.bias")),
    ),
    MADE,
)
SWINS = {"swin": SWIN, "swinv2": SWIN_V2}
CONVNEXT_BLOCK = {"0": "conv_dw", "2": "norm", "3": "mlp.fc1", "5": "mlp.fc2"}  # torchvision's number in it, and timm's
MAP_GATE = re.compile(r"stages\.\d+\.blocks\.\d+\.gamma")
CONVNEXT = Names(
    (
        ("features.0.{i}.{p}", "stem.{i}.{p}"),
        *((f"features.{2 * n}.{{i}}.{{p}}", f"stages.{n}.downsample.{{i}}.{{p}}") for n in (1, 2, 3)),
        *((f"features.{2 * n + 1}.{{j}}.layer_scale", f"stages.{n}.blocks.{{j}}.gamma") for n in range(4)),
        *(
            (f"features.{2 * n + 1}.{{j}}.block.{ours}.{{p}}", f"stages.{n}.blocks.{{j}}.{theirs}.{{p}}")
            for n in range(4)
            for ours, theirs in CONVNEXT_BLOCK.items()
        ),
        ("classifier.0.{p}", "head.norm.{p}"),
        ("classifier.2.{p}", "head.fc.{p}"),
    )
)
OUT: Row = (f"{BLOCK}.mlp.fc2.{{p}}", f"{BLOCK}.mlp.w3.{{p}}")  # of SwiGLU, DINOv2's and DINOv3's
AUTHORS = Names(
    (("reg_token", "register_tokens"), *GATES, MAP),  # registers are DINOv2's, gates DeiT-III's
    # what training without labels leaves behind: MAE's, DINO's and DINOv2's
    ("mask_token", "decoder_{rest}", "head.mlp.{rest}", "head.last_layer.{rest}"),
)
AUTHORS_PACKED = Names((*AUTHORS.rows, packed("fc1"), packed("w12"), OUT), AUTHORS.unused)  # w12 is DINOv2's
AUTHORS_DINOV3 = Names(
    (("reg_token", "storage_tokens"),),
    ("mask_token", "rope_embed.periods", "{rest}.attn.qkv.bias_mask", "local_cls_norm.{p}"),
)
AUTHORS_DINOV3_GATED = Names(
    (
        *AUTHORS_DINOV3.rows,
        (f"{BLOCK}.mlp.fc1_g.{{p}}", f"{BLOCK}.mlp.w1.{{p}}"),
        (f"{BLOCK}.mlp.fc1_x.{{p}}", f"{BLOCK}.mlp.w2.{{p}}"),
        OUT,
    ),
    AUTHORS_DINOV3.unused,
)


SAME = ("img_size", "patch_size", "in_chans", "embed_dim", "depth", "depths", "num_heads", "mlp_ratio")
ARGUMENTS = {one: one for one in (*SAME, "qkv_bias", "qk_norm", "reg_tokens")} | {  # of their classes; fields of ours
    "init_values": "layer_scale",
    "class_token": "cls_token",
    "global_pool": "pool",
    "no_embed_class": "pos_prefix",
    "window_size": "window",
    "pretrained_window_sizes": "trained_windows",
}
POOLS = {"token": "cls", "avg": "mean"}
IDLE = (  # arguments that change no answer, or that the names of the weights tell
    *("num_classes", "dynamic_img_size", "strict_img_size", "weight_init"),
    *("fc_norm", "use_fc_norm"),
)


def options_from_timm(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a config.json of timm says of a model beside its name, as fields of our configs. Raises InputError where it
    is something smalti has not.
    """
    channels, *sides = told.get("pretrained_cfg", {}).get("input_size") or (None,)
    options = {name: value for name, value in {"in_chans": channels, "img_size": sides}.items() if value}
    pool = told.get("global_pool")  # of older files, here alone
    pooled = {} if pool is None else {"global_pool": pool}
    for theirs, value in (pooled | told.get("model_args", {})).items():
        if theirs in IDLE or theirs.endswith("_rate"):
            continue
        if (theirs, value) == ("global_pool", ""):
            refuse_every_token(told)
            continue
        if theirs not in ARGUMENTS or (theirs == "global_pool" and value not in POOLS):
            what = f"{theirs} = {value!r} in config.json is something smalti has not"
            raise InputError(what, mend="use timm")
        options[ARGUMENTS[theirs]] = value
    if "pool" in options:
        options["pool"] = POOLS[options["pool"]]
    if "pos_prefix" in options:
        options["pos_prefix"] = not options["pos_prefix"]
    if (name := told.get("architecture")) in list_models("swinv2_*"):
        options["trained_windows"] = windows_of(name, {one: options[one] for one in options if one != "pool"})
    return options


def refuse_every_token(told: Mapping[str, Any]) -> None:
    """Raises InputError where a model that pools nothing has a head: without one it gives features."""
    if told.get("num_classes", told.get("pretrained_cfg", {}).get("num_classes")):
        what = "global_pool = '' in config.json: its head answers for every token, not for a picture"
        raise InputError(what, mend='say there what a picture is read off ("token" or "avg"), or use timm')


def windows_of(name: str, options: dict[str, Any]) -> tuple[int, ...]:
    """The windows that a Swin V2 of timm was trained in: those that it names, or its preset does for another size; else
    its own, which in pictures of another size are not the preset's.
    """
    named = options.get("trained_windows")
    preset, config = preset_config(name)[1], preset_config(name, **options | {"trained_windows": ()})[1]
    if named is None and preset.trained_windows != own_windows(preset):
        return preset.trained_windows
    return named if named and any(named) else own_windows(config)


def own_windows(config: Any) -> tuple[int, ...]:
    """The windows of each stage of a Swin; empty, which means the same, where pictures are no squares."""
    height, width = config.size
    told = {"image_size": height if height == width else None, "window_size": config.window}
    return trained_windows({**told, "patch_size": config.patch_size, "depths": config.depths})


def pads_and_shifts(config: SwinConfig) -> bool:
    """Whether a stage has shifted windows that do not fill its grid: timm rolls such a grid before it pads it, we pad
    first, as torchvision and transformers do.
    """
    sides = [side // config.patch_size for side in config.size]
    for depth in config.depths:
        if depth > 1 and any(side > config.window and side % config.window for side in sides):
            return True
        sides = [math.ceil(side / 2) for side in sides]
    return False


def timm_names(state: Mapping[str, Tensor], family: str) -> Names:
    """The table for a state dict of `family`, of timm's or ours."""
    if family in SWINS:
        return SWINS[family]
    if family == "eva02":
        return EVA_02_APART if any(".mlp.norm." in name for name in state) else EVA_02
    if family == "beit":
        return BEIT
    if family == "convnext":
        return CONVNEXT
    if family == "vit" and "pos_embed" not in state and "reg_token" in state:
        return DINOV3_BIASED if no_bias_on_keys(state) else DINOV3
    return PACKED if is_packed(state) else PLAIN


def authors_names(state: Mapping[str, Tensor], family: str) -> Names | None:
    """The table for a state dict of the authors of a family, where their names are not timm's; else None."""
    if family in SWINS and "layers.0.downsample.norm.weight" in state:
        names = timm_names(state, family)
        return Names((*names.rows, *SWIN_EXTRA), names.unused)
    if family == "beit":
        # what training without labels leaves behind: BEiT's, and the blocks on BEiT v2's class token
        return Names((*BEIT.rows, SHARED), (*BEIT.unused, "mask_token", "lm_head.{p}", "cls_pt_layers.{rest}"))
    if family == "vit" and "storage_tokens" in state:
        return AUTHORS_DINOV3_GATED if "blocks.0.mlp.w1.weight" in state else AUTHORS_DINOV3
    if family != "vit" or "pos_embed" not in state:
        return None
    return AUTHORS_PACKED if is_packed(state) or "blocks.0.mlp.w12.weight" in state else AUTHORS


def no_bias_on_keys(state: Mapping[str, Tensor]) -> bool:
    """Whether queries and values have a bias and keys have none, which of rotated keys would be told."""
    keys = [tensor.chunk(3)[1] for name, tensor in state.items() if name.endswith(".attn.qkv.bias")]
    apart = any(name.endswith(".attn.q_bias") for name in state)
    return apart or (bool(keys) and all(one.is_meta or not one.any() for one in keys))


def is_packed(state: Mapping[str, Tensor]) -> bool:
    """Whether gate and value of SwiGLU layers are one: with timm twice as long as what goes out, with us two."""
    first, second = state.get("blocks.0.mlp.fc1.weight"), state.get("blocks.0.mlp.fc2.weight")
    if first is None or second is None:
        return "blocks.0.mlp.fc1_g.weight" in state
    return len(first) == 2 * second.shape[1]


def from_timm(state: Mapping[str, Tensor], family: str) -> dict[str, Tensor]:
    """A state dict of timm's for a model of `family`, under our names."""
    return timm_names(state, family).to_ours(gates_of_maps(state))


def gates_of_maps(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gates of a ConvNeXt of timm in the shape for maps, (D, 1, 1), where they are stored as (D,)."""
    return {name: t.view(-1, 1, 1) if MAP_GATE.fullmatch(name) else t for name, t in state.items()}


def to_timm(state: Mapping[str, Tensor], family: str) -> dict[str, Tensor]:
    """Our state dict for a model of `family` under timm's names; what `from_timm` undoes, but for a bias on keys where
    timm has none, which changes no answer.
    """
    made = timm_names(state, family).to_theirs(state)
    return {name: t.flatten() if MAP_GATE.fullmatch(name) else t for name, t in made.items()}

"""Published weights of a model of pictures: which preset they are of, at which size, and what its head reads."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from smalti.configs import fitted
from smalti.errors import InputError, few
from smalti.importing.outputs import find_labels, find_task
from smalti.importing.preprocess import find_preprocess, given_size, whole
from smalti.importing.translated import Translated, Wanted, provenance, where_from
from smalti.modelfile import ModelFile
from smalti.models import build, list_models, preset_config
from smalti.models.swin import SwinConfig
from smalti.nn.blank import Blank
from smalti.weights import (
    Published,
    fit_input,
    load_strictly,
    options_from_huggingface,
    options_from_timm,
    preset_of,
    refuse_others,
    sizes_of,
    to_ours,
)
from smalti.weights.huggingface import KINDS
from smalti.weights.text import TEXT
from smalti.weights.timm import pads_and_shifts

__all__ = ["picture_model"]

HEADS = ("head.weight", "head.fc.weight", "fc.weight", "classifier.2.weight")  # the last two are torchvision's
STEMS = ("patch_embed.proj.weight", "conv1.weight", "features.0.0.weight")  # likewise


def picture_model(published: Published, wanted: Wanted) -> Translated:
    """The model of pictures that published weights are of, at the size and for the task that are wanted."""
    where = published.origin or published.path
    preset, sizes = (wanted.preset, {}) if wanted.preset else find_preset(published)
    family, config = preset_config(preset, **sizes)
    if family in TEXT:
        what = f"{preset} is a model of text; those are read from a folder of {text_kinds()}, which says what it is"
        raise InputError(what, where=where, mend="name that folder, or a preset for pictures")
    refuse_others(published.config, preset, **sizes)
    names, state = ("the authors of ViT", published.state) if published.ours else to_ours(published.state, family)
    remarks = [f"{len(published.state)} tensors with the names of {names}"]
    if sizes:
        remarks.append(f"its sizes are those of its config.json, else it is as {preset}")

    there = as_published(published, preset, sizes, state)
    channels = there.in_chans if wanted.in_chans is None else wanted.in_chans
    given = {"img_size": find_size(published, there, wanted), "in_chans": channels}
    config = replace(there, **fitted(type(there), given))
    module = with_weights(published, state, family, there, config, remarks)
    remarks += differences(published, preset, names, there, config)
    about = {"architecture": preset, **where_from(published)}
    model = ModelFile(
        family,
        module,
        find_task(published, config.num_classes, wanted.task),
        find_labels(published, config.num_classes, wanted.labels, remarks),
        find_preprocess(published, preset, names, config, wanted, remarks),
        provenance=provenance(preset, module, about),
    )
    return Translated(model, names, tuple(remarks))


def find_preset(published: Published) -> tuple[str, dict[str, Any]]:
    """The preset that a folder tells, and the sizes in which its model is another. Raises InputError where it tells of
    none, or of a model that is not read.
    """
    told, where = published.config, published.origin or published.path
    if preset := preset_of(told):
        return preset, {}
    if found := sizes_of(told):
        return found
    if name := told.get("architecture"):
        sized = f"{name}_224"  # timm has ResNets and ConvNeXts without a size
        return (sized if sized in list_models() else name), {}
    if kind := told.get("model_type"):
        reads = f"of transformers it reads {', '.join(KINDS)}, {text_kinds()}"
        raise InputError(f'is a model of the kind "{kind}", which smalti does not read', where=where, mend=reads)
    raise InputError("does not say what model it is of", where=where, mend="add --preset (smalti models lists them)")


def text_kinds() -> str:
    """What transformers calls the models of text that are read."""
    return ", ".join(about.kind for about in TEXT.values())


def as_published(published: Published, preset: str, sizes: Mapping[str, Any], state: Mapping[str, Tensor]) -> Any:
    """The config of the model as it was published: what its folder says, then `sizes`, then what is seen in its
    weights.
    """
    told = options_from_huggingface(published.config) | options_from_timm(published.config)
    _, config = preset_config(preset, **sizes)
    seen = read_off(published, state, told.pop("pool", None), config)
    return preset_config(preset, **{**told, **sizes, **seen})[1]


def find_size(published: Published, config: Any, wanted: Wanted) -> Any:
    """The size of pictures that the model shall take. Raises InputError where patches do not fill what the folder says.

    Args:
        published: the weights.
        config: of the model as it was published.
        wanted: a preset that a person names says the size too.
    """
    if wanted.img_size is not None:
        return wanted.img_size
    if wanted.preset:
        return preset_config(wanted.preset)[1].img_size
    H, W = given_size(published) or config.size
    h, w = whole((H, W), config)
    if (h, w) != (H, W):
        what = f"pictures are {H} x {W} there, of which patches of {config.patch_size} see the upper left {h} x {w}"
        mend = f"add --img-size {h}" if h == w else f"give img_size=({h}, {w}) to smalti.import_weights"
        raise InputError(what, where=published.origin or published.path, mend=f"{mend} to see all of smaller ones")
    return H, W


def read_off(published: Published, state: Mapping[str, Tensor], pool: str | None, config: Any) -> dict[str, Any]:
    """Options that are seen in the weights; `pool` is what the folder says of that, `config` the preset's."""
    seen: dict[str, Any] = {"num_classes": length(state, 0, *HEADS)}
    if channels := length(state, 1, *STEMS):
        seen["in_chans"] = channels
    if hidden := length(state, 0, "pre_logits.fc.weight"):
        seen["pre_logits"] = hidden
    if hasattr(config, "qkv_bias"):
        seen["qkv_bias"] = any(name.endswith(".attn.qkv.bias") for name in state)
    if "reg_token" in state:
        seen["reg_tokens"] = state["reg_token"].shape[1]
    if found := pool_of(state, pool, getattr(config, "pool", None)):
        seen["pool"] = found
    if (eps := published.config.get("layer_norm_eps")) and hasattr(config, "norm_eps"):
        seen["norm_eps"] = eps  # transformers' 1e-12 where others have 1e-6
    return seen


def length(state: Mapping[str, Tensor], axis: int, *names: str) -> int:
    """Of the first of these weights that is there and has such an axis; 0 where none is."""
    return next((state[name].shape[axis] for name in names if name in state and state[name].ndim > axis), 0)


def pool_of(state: Mapping[str, Tensor], told: str | None, usual: str | None) -> str | None:
    """What a model of these weights reads its answer off, where its folder tells that and where its preset has one;
    None for a family that has but one way. Names and shapes of the weights tell the rest.
    """
    if usual is None:
        return None
    head = state.get("head.weight")
    if told != "cls" and "fc_norm.weight" in state and "norm.weight" not in state:
        return "mean"  # MAE's with a head, and timm's with global_pool="avg"
    if head is not None and "cls_token" in state and head.shape[1] == 2 * state["cls_token"].shape[-1]:
        return "cls_mean"  # transformers' head of DINOv2
    pool = told or usual
    if pool != "mean" or "norm.weight" not in state:
        return pool  # a mean with its norm behind it
    return "normed_mean" if told and head is not None else "cls"  # of BEiT and of DINOv3 without a head


def with_weights(
    published: Published, state: Mapping[str, Tensor], family: str, there: Any, config: Any, remarks: list[str]
) -> nn.Module:
    """The model of `config` with the weights of one of `there`, for its size and its channels."""
    with Blank():
        module = build(family, config).eval()
    with Blank(), torch.device("meta"):
        learned = build(family, replace(there, img_size=whole(there.size, there)))
    state = {name: tensor for name, tensor in state.items() if tensor.numel()}  # a DINOv3 may have 0 registers
    if beside := sorted(published.outside & state.keys() - module.state_dict().keys()):
        remarks.append(f"what lies beside the model there is left out: {few(beside)}")
        state = {name: tensor for name, tensor in state.items() if name not in beside}
    antialias = published.config.get("model_type") != "dinov2"  # transformers' own way; with registers it is as others
    state = fit_input(state, module, learned, antialias=antialias)
    load_strictly(module, state, where=published.origin or published.path)
    return module


def differences(published: Published, preset: str, names: str, there: Any, config: Any) -> list[str]:
    """In what the model of `config` is not theirs, that of `there`, a line each."""
    found = []
    if config.in_chans != there.in_chans:
        kept = "are summed" if config.in_chans == 1 else "are taken in turn"
        found.append(f"the weights of its {there.in_chans} channels {kept} for {config.in_chans}")
    if isinstance(config, SwinConfig) and names == "timm" and pads_and_shifts(config):
        unit = config.patch_size * config.window * 2 ** (len(config.depths) - 1)
        found.append(
            "answers differ from timm's, which pads windows that the picture does not fill in another way; they are "
            f"alike at sizes that are multiples of {unit} (--img-size {unit})"
        )
    if not config.num_classes and "classifier.weight" in published.state:
        found.append(f"its head for classes is left out: it reads the class token alone, which {preset} does not")
    return found

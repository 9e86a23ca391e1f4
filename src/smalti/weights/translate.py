"""Whose names these are, and ours for them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from smalti.errors import InputError
from smalti.weights.huggingface import HUGGINGFACE, KINDS
from smalti.weights.names import Names
from smalti.weights.text import TEXT, text_from_huggingface
from smalti.weights.timm import authors_names, gates_of_maps, timm_names
from smalti.weights.torchvision import TORCHVISION_VIT

__all__ = ["to_ours"]


def to_ours(state: Mapping[str, Tensor], family: str) -> tuple[str, dict[str, Tensor]]:
    """A published state dict for a model of `family` under our names, and whose names it had."""
    if family in TEXT:
        return "transformers", text_from_huggingface(state, family)
    for kind in KINDS:
        state = {name.removeprefix(f"{kind}."): tensor for name, tensor in state.items()}
    publisher, names = find_names(state, family)
    if family == "convnext":
        state = gates_of_maps(state)
    return publisher, with_counts(spread_bias(names.to_ours(state)))


def spread_bias(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A bias of offsets that all blocks share, in each of them: BEiT's pretraining has one."""
    spread = dict(state)
    if (table := spread.pop("rel_bias.table", None)) is not None:
        for block in [name.removesuffix("norm1.weight") for name in state if name.endswith(".norm1.weight")]:
            name = f"{block}attn.rel_bias.table"
            spread[name] = table + state.get(name, 0)
    return spread


def with_counts(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Batch norms with their number of batches, which old files do not have and no answer needs."""
    norms = [name.removesuffix("running_var") for name in state if name.endswith(".running_var")]
    return {f"{norm}num_batches_tracked": torch.tensor(0) for norm in norms} | state


def find_names(state: Mapping[str, Tensor], family: str) -> tuple[str, Names]:
    """The publisher and the table that fit the names."""
    if "conv_proj.weight" in state:
        return "torchvision", TORCHVISION_VIT
    if any(name.startswith("encoder.layer") for name in state):
        second = any(".layer_scale1." in name for name in state)
        gated = any(".mlp.weights_in." in name for name in state)
        plain = "vit" if family == "flexivit" else family
        kind = "dinov2, gated" if gated else "dinov2" if second else plain
        if kind not in HUGGINGFACE:
            what = f"these weights of transformers are not those of a model of the family {family}"
            raise InputError(what, mend="name the preset they are of (smalti models lists them)")
        return "transformers", HUGGINGFACE[kind]
    if "embeddings.patch_embeddings.weight" in state:
        gated = any(".mlp.gate_proj." in name for name in state)
        return "transformers", HUGGINGFACE["dinov3, gated" if gated else "dinov3"]
    if names := authors_names(state, family):
        return "timm or the authors", names  # the authors' names are timm's, and a few more
    if family == "resnet" or (family == "convnext" and "features.0.0.weight" in state):
        return "torchvision", Names()
    return "timm", timm_names(state, family)

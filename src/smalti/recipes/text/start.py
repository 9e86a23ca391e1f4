"""Beginning with what another model of text has learned."""

from typing import Any

import torch
from torch import nn

from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.modelfile import ModelFile
from smalti.recipes.transfer import read_any_start
from smalti.weights import load_strictly

__all__ = ["load_text_start", "read_text_start"]

HEADS, TABLE, PLACES = ("head.", "pre_logits."), "token_embed.weight", "positions.table"


def read_text_start(start: str) -> ModelFile[Any]:
    """The model that a run on text begins with, as `find_start` says it. Raises InputError where it is of pictures."""
    file = read_any_start(start)
    if isinstance(file.processor, Preprocess):
        raise InputError("is a model of pictures, not of text", where=start, mend="name a model trained on text")
    return file


def load_text_start(model: nn.Module, file: ModelFile[Any], task: str, labels: tuple[str, ...]) -> None:
    """Gives a fresh `model` the weights of another; of one for another task or other labels, all but its head. Special
    ids that the other does not know begin fresh; positions beyond the length of the model are left out."""
    state, fresh = file.module.state_dict(), model.state_dict()
    if (file.task, file.labels) != (task, labels):
        state = {name: tensor for name, tensor in state.items() if not name.startswith(HEADS)}
        state |= {name: tensor for name, tensor in fresh.items() if name.startswith(HEADS)}
    for name in (name for name in state if name.endswith(PLACES) and name in fresh):
        state[name] = state[name][: len(fresh[name])]
    known, table = state[TABLE], fresh[TABLE]
    state[TABLE] = torch.cat([known, table[len(known) :].to(known)])
    load_strictly(model, state, where="--from")

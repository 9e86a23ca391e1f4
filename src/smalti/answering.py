"""What a finished model is for: `load`, `predict`, `sample`. The rooms where models are trained and judged are not
imported here, so that a first answer does not wait for them.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import Tensor

from smalti.data.handed_in import as_pictures
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.modelfile import read_any_model
from smalti.nn.precision import Precision
from smalti.ready import Model, Prediction, picture_model

if TYPE_CHECKING:  # who asks about pictures does not wait for text
    from smalti.data.formats.columns import Columns
    from smalti.ready_text import TextModel, TextPrediction

__all__ = ["load", "opened", "predict", "refuse", "sample"]


def load(
    path: str | os.PathLike[str],
    *,
    device: str | None = None,
    precision: Precision | None = None,
    int8: Any = None,
    merge: int = 0,
    patch_size: int | None = None,
) -> "Model | TextModel":
    """The ready model in a model file or a run folder: a `smalti.ready.Model` of pictures, or a
    `smalti.ready_text.TextModel`.

    Args:
        path: model.safetensors, or the folder of a finished run.
        device: where it shall run, "cpu" for instance; else a CUDA GPU where there is one (with int8 the CPU).
        precision: of a model of pictures, as in `smalti.ready.picture_model`, and so are the others.
        int8: pictures to calibrate int8 on.
        merge: how many tokens each block merges into others.
        patch_size: one of those that a FlexiViT was trained for.

    Raises:
        InputError: there is no model there, or an option is not for it.
        DamagedError: it is not what it was when it was written.
    """
    options = {"precision": precision, "int8": int8, "merge": merge, "patch_size": patch_size}
    return opened(path, device=device, **options)


def opened(
    model: "Model | TextModel | str | os.PathLike[str]",
    *,
    device: str | None = None,
    precision: Precision | None = None,
    int8: Any = None,
    merge: int = 0,
    patch_size: int | None = None,
) -> "Model | TextModel":
    """The ready model: what is handed in loaded, as it is; else that of a file, as `load` has it. Raises InputError too
    where it is neither."""
    options = {"precision": precision, "int8": int8, "merge": merge, "patch_size": patch_size}
    of_pictures = {**options, "merge": merge or None}
    if is_loaded(model):
        given = {"device": device, **of_pictures}
        refuse(given, "this model is loaded already, as it answers", "give {} to smalti.load")
        return model
    file = read_any_model(model)  # type: ignore[arg-type] - what is no path is refused there
    if isinstance(file.processor, Preprocess):
        return picture_model(file, device=device, **options)
    refuse(of_pictures, "{} is for models of pictures", "leave it out")
    from smalti.ready_text import text_model

    return text_model(file, device=device)


def is_loaded(model: object) -> "TypeGuard[Model | TextModel]":
    """Whether it is a ready model."""
    if isinstance(model, str | os.PathLike | Model):
        return isinstance(model, Model)
    from smalti.ready_text import TextModel

    return isinstance(model, TextModel)


def predict(
    model: "Model | TextModel | str | os.PathLike[str]",
    inputs: Any,
    *,
    top: int = 5,
    batch_size: int = 32,
    int8: Any = None,
    merge: int = 0,
    patch_size: int | None = None,
    beams: int = 1,
    texts: bool = False,
    columns: "Columns | None" = None,
    device: str | None = None,
    show: bool = True,
) -> "Iterator[Prediction] | Iterator[TextPrediction]":
    """Says what is in pictures or texts, one by one as they are ready; one that cannot be read gives a prediction with
    `error`.

    Args:
        model: a model file, a run folder or a loaded model.
        inputs: paths of pictures, folders or archives, or pictures in memory (see `Model.predict`); texts for a model
            of text, or names of files of texts: each line is one, or each row of a table with a column "text" ("source"
            for a model of pairs).
        top: how many labels to name.
        batch_size: pictures at a time.
        int8: pictures to calibrate int8 on, as in `load`.
        merge: how many tokens each block merges into others, as in `load`; what it gains in speed is measured on the
            first pictures, and told on stderr.
        patch_size: as in `load`.
        beams: as in `evaluate`.
        texts: whether every input is a text, though it looks like the name of a file.
        columns: what the columns of tables of texts mean that have other names: {"text": "review"}; else what they
            meant when the model learned.
        device: as in `load`.
        show: whether to tell it.
    """
    options = {"device": device, "int8": int8, "patch_size": patch_size}
    ready = opened(model, merge=merge, **options)
    if not isinstance(ready, Model):
        from smalti.data.text.asked import asked_texts

        asked: Any = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
        if texts:
            refuse({"--column": columns}, "{} is for tables, and every input is a text", "leave it out")
        else:
            column, raw = "source" if ready.task == "seq2seq" else "text", ready.tokenizer.kind == "bytes"
            learned = ready.provenance.get("columns")
            asked = asked_texts(asked, column, raw=raw, columns=columns, learned=learned)
        return ready.stream(asked, top=top, batch_size=batch_size, beams=beams)
    refuse({"beams": beams if beams != 1 else None}, "{} are for models of pairs of texts", "leave them out")
    refuse({"--texts": texts or None, "--column": columns}, "{} is for models of text", "leave it out")
    pictures = as_pictures(inputs)
    if merge and show:
        from smalti.evaluate.speed import TIMED
        from smalti.recipes.remarks import speed_choice, tell

        first = list(islice(pictures, TIMED))
        images = [image for image in (ready.read(*one) for one in first) if isinstance(image, Tensor)]
        if images:
            plain = opened(model, **options)
            assert isinstance(plain, Model)
            tell((speed_choice(plain, ready, ready.preprocess.normalize(torch.stack(images)), merge),), show)
        pictures = chain(first, pictures)
    return ready.answers(pictures, top=top, batch_size=batch_size)


def sample(
    model: "TextModel | str | os.PathLike[str]",
    prompt: str = "",
    *,
    n: int = 1,
    max_tokens: int = 500,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    stop: str | Sequence[str] = (),
    device: str | None = None,
) -> Iterator[list[str]]:
    """Continues a text `n` times; yields what each has grown by, as it comes.

    Args:
        model: a model file, a run folder or a loaded model, of text.
        prompt: what the texts begin with.
        n: how many.
        max_tokens: how many tokens follow at most.
        temperature: below 1 for the likelier, above 1 for variety; 0 always takes the likeliest.
        top_k: how many of the likeliest tokens may follow; None for all.
        top_p: the share of probability that may follow; None for all.
        seed: equal seeds draw equal texts.
        stop: a text that ends a text, and is not part of it; or several.
        device: as in `load`.
    """
    if n < 1:
        raise InputError(f"-n {n} is not 1 or more", mend="give a number above 0")
    ready = opened(model, device=device)
    if isinstance(ready, Model):
        raise InputError("is a model of pictures, not of text", where=model, mend="name a model trained on text")
    options = {"max_tokens": max_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    return ready.write([prompt] * n, stop=stop, **options)


def refuse(options: Mapping[str, Any], what: str, mend: str) -> None:
    """Raises InputError for the first of some options that is given; "{}" in the message is its name."""
    for name, value in options.items():
        if value is not None:
            raise InputError(what.format(name), mend=mend.format(name))

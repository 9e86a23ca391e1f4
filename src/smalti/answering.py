"""What a finished model is for: `load`, `predict`, `sample`. The rooms where models are trained and judged are not
imported here, so that a first answer does not wait for them.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor

from smalti.errors import InputError
from smalti.modelfile import is_text_model
from smalti.nn.precision import Precision
from smalti.ready import Model, Prediction, as_pictures
from smalti.ready import load as load_pictures
from smalti.ready_text import TextModel, TextPrediction, load_text, no_beams

__all__ = ["TIMED", "load", "made_ready", "no_picture_options", "predict", "sample"]

TIMED = 32  # pictures on which the gain of merging is measured


def load(
    path: str | os.PathLike[str],
    *,
    device: str | None = None,
    precision: Precision | None = None,
    int8: Any = None,
    merge: int = 0,
    patch_size: int | None = None,
) -> Any:
    """The ready model in a model file or a run folder: a `smalti.ready.Model` of pictures, or a
    `smalti.ready_text.TextModel`.

    Args:
        path: model.safetensors, or the folder of a finished run.
        device: where it shall run, "cuda" for instance; else the CPU.
        precision: of a model of pictures, as in `smalti.ready.load`, and so are the others.
        int8: pictures to calibrate int8 on.
        merge: how many tokens each block merges into others.
        patch_size: one of those that a FlexiViT was trained for.

    Raises:
        InputError: there is no model there, or an option is not for it.
        DamagedError: it is not what it was when it was written.
    """
    if is_text_model(path):
        no_picture_options(precision=precision, int8=int8, merge=merge, patch_size=patch_size)
        return load_text(path, device=device)
    return load_pictures(path, device=device, precision=precision, int8=int8, merge=merge, patch_size=patch_size)


def predict(
    model: Model | TextModel | str | os.PathLike[str],
    inputs: Any,
    *,
    top: int = 5,
    batch_size: int = 32,
    int8: Any = None,
    merge: int = 0,
    patch_size: int | None = None,
    beams: int = 1,
    show: bool = True,
) -> Iterator[Prediction] | Iterator[TextPrediction]:
    """Says what is in pictures or texts, one by one as they are ready; one that cannot be read gives a prediction with
    `error`.

    Args:
        model: a model file, a run folder or a loaded model.
        inputs: paths of pictures, folders or archives, or pictures in memory (see `Model.predict`); texts for a model
            of text.
        top: how many labels to name.
        batch_size: pictures at a time.
        int8: pictures to calibrate int8 on, as in `load`.
        merge: how many tokens each block merges into others, as in `load`; what it gains in speed is measured on the
            first pictures, and told on stderr.
        patch_size: as in `load`.
        beams: as in `evaluate`.
        show: whether to tell it.
    """
    if isinstance(model, TextModel) or (not isinstance(model, Model) and is_text_model(model)):
        no_picture_options(int8=int8, merge=merge, patch_size=patch_size)
        reader = model if isinstance(model, TextModel) else load_text(model)
        texts = [inputs] if isinstance(inputs, str) else list(inputs)
        return reader.stream(texts, top=top, batch_size=batch_size, beams=beams)
    no_beams("pictures", beams)
    ready, pictures = made_ready(model, int8=int8, merge=merge, patch_size=patch_size), as_pictures(inputs)
    if merge and show:
        from smalti.recipes.remarks import speed_choice, tell

        first = list(islice(pictures, TIMED))
        images = [image for image in (ready.read(*one) for one in first) if isinstance(image, Tensor)]
        if images:
            plain = made_ready(model, int8=int8, patch_size=patch_size)
            tell((speed_choice(plain, ready, ready.preprocess.normalize(torch.stack(images)), merge),), show)
        pictures = chain(first, pictures)
    return ready.stream(pictures, top=top, batch_size=batch_size)


def sample(
    model: TextModel | str | os.PathLike[str],
    prompt: str = "",
    *,
    n: int = 1,
    max_tokens: int = 500,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    until: Sequence[str] = (),
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
        until: texts that end a text, and are not part of it.
    """
    if n < 1:
        raise InputError(f"-n {n} is not 1 or more", mend="give a number above 0")
    ready = model if isinstance(model, TextModel) else load_text(model)
    options = {"max_tokens": max_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    return ready.write([prompt] * n, until=until, **options)


def made_ready(
    model: Model | str | os.PathLike[str], *, int8: Any = None, merge: int = 0, patch_size: int | None = None
) -> Model:
    """The model, loaded where it is named."""
    if not isinstance(model, Model):
        return load_pictures(model, int8=int8, merge=merge, patch_size=patch_size)
    given = {"int8": int8 is not None, "merge": merge != 0, "patch_size": patch_size is not None}
    for name in (name for name, is_given in given.items() if is_given):
        raise InputError("this model is loaded already, as it answers", mend=f"give {name} to smalti.load")
    return model


def no_picture_options(**options: Any) -> None:
    """Raises InputError where an option is given that a model of text has no use for."""
    for name in (name for name, value in options.items() if value):
        raise InputError(f"{name} is for models of pictures", mend="leave it out")

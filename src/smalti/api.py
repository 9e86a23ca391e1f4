"""The calls behind the commands: what `smalti X` does, `smalti.X(...)` does."""

import os
from collections.abc import Iterator
from typing import Any

import torch

from smalti import data
from smalti.data.check import Check
from smalti.data.split import split as split_source
from smalti.errors import InputError
from smalti.evaluate.evaluation import Evaluation, evaluate_on, match_labels
from smalti.evaluate.probing import Probed, probe_on
from smalti.evaluate.report import DataSummary, Report, write_report
from smalti.importing import import_weights
from smalti.models import create_model, list_models
from smalti.ready import Model, Prediction, load
from smalti.recipes.assemble import checked
from smalti.recipes.quickstart import quickstart
from smalti.recipes.remarks import left_out, tell
from smalti.recipes.run import TrainResult, resume, train

__all__ = [
    "TrainResult",
    "check",
    "create_model",
    "describe_model",
    "evaluate",
    "import_weights",
    "list_models",
    "load",
    "predict",
    "probe",
    "quickstart",
    "resume",
    "train",
]


def check(
    source: str | os.PathLike[str], *, task: str | None = None, download: bool = False, show: bool = True
) -> Check:
    """Looks at every picture of a data set: what is there, what is wrong with it.

    Args:
        source: a folder, archive, file or name.
        task: what the targets mean, where that could be more than one thing.
        download: whether a standard set may be fetched.
        show: whether to show progress on stderr.
    """
    return checked(data.open(source, download=download, task=task), show=show)  # type: ignore[arg-type]


def evaluate(
    model: Model | str | os.PathLike[str],
    source: str | os.PathLike[str],
    *,
    split: str = "test",
    int8: Any = None,
    download: bool = False,
    report: str | os.PathLike[str] | None = None,
    show: bool = True,
) -> Evaluation:
    """Measures a trained model on a part of a data set.

    Args:
        model: a model file, a run folder or a loaded model.
        source: the data; its labels are matched to the model's by name.
        split: "train", "val" or "test", as training on this data would have them.
        int8: pictures to calibrate int8 on, as in `load`.
        download: whether a standard set may be fetched.
        report: where to write an HTML report, if anywhere.
        show: whether to show progress on stderr.

    Raises:
        InputError: the data has labels the model does not know, or the part is empty.
    """
    ready = made_ready(model, int8)
    opened = data.open(source, download=download, task=ready.task)  # type: ignore[arg-type]
    matched = match_labels(opened, ready)
    found = checked(opened, show=show)
    tell(left_out(found), show)
    seed = ready.provenance.get("seed", 0)
    indices = getattr(split_source(opened, found.facts, seed=seed), split)
    if not len(indices):
        raise InputError(f'no picture is in the split "{split}"', where=opened.name, mend="choose another --split")
    result = evaluate_on(ready, matched, indices)
    if report is not None:
        page = Report(
            title=f"{ready.provenance.get('preset', 'model')} on {opened.name}",
            task=opened.task,
            metrics=result.metrics,
            split=split,
            model=str(ready.provenance.get("preset", "")),
            parameters=ready.provenance.get("parameters") or sum(p.numel() for p in ready.module.parameters()),
            labels=ready.labels,
            confusion=result.confusion,
            per_class=result.table,
            mistakes=result.mistakes,
            scatter=(result.outputs.targets, result.outputs.logits) if ready.task == "regress" else None,  # type: ignore[arg-type]
            data=DataSummary(opened.name, {split: result.n}),
        )
        write_report(report, page)
    return result


def probe(
    model: Model | str | os.PathLike[str],
    source: str | os.PathLike[str],
    *,
    k: int = 20,
    download: bool = False,
    show: bool = True,
) -> Probed:
    """Measures what a model's features know of a data set, without training it: the vote of the nearest training
    pictures, and a linear layer whose regularisation the validation pictures choose. Labels may be any.

    Args:
        model: a model file, a run folder or a loaded model.
        source: the data; split as training on it would split it.
        k: neighbours that vote.
        download: whether a standard set may be fetched.
        show: whether to show progress on stderr.

    Raises:
        InputError: the data cannot be read, or a part of it is empty.
    """
    if k < 1:
        raise InputError(f"-k {k} is not 1 or more", mend="give a number above 0")
    ready = made_ready(model, None)
    opened = data.open(source, download=download)
    found = checked(opened, show=show)
    tell(left_out(found), show)
    return probe_on(
        ready, opened, split_source(opened, found.facts, seed=ready.provenance.get("seed", 0)), k=k, show=show
    )


def predict(
    model: Model | str | os.PathLike[str], inputs: Any, *, top: int = 5, batch_size: int = 32, int8: Any = None
) -> Iterator[Prediction]:
    """Says what is in pictures, one by one as they are ready; a picture that cannot be read gives a Prediction with
    `error`.

    Args:
        model: a model file, a run folder or a loaded model.
        inputs: paths of pictures, folders or archives, or pictures in memory (see `Model.predict`).
        top: how many labels to name.
        batch_size: pictures at a time.
        int8: pictures to calibrate int8 on, as in `load`.
    """
    from smalti.ready import as_pictures

    return made_ready(model, int8).stream(as_pictures(inputs), top=top, batch_size=batch_size)


def made_ready(model: Model | str | os.PathLike[str], int8: Any) -> Model:
    """The model, loaded where it is named."""
    if not isinstance(model, Model):
        return load(model, int8=int8)
    if int8 is not None:
        raise InputError("this model is loaded already, in its precision", mend="give int8 to smalti.load")
    return model


def describe_model(name: str) -> tuple[int, int, int]:
    """Parameters, tokens and multiply-adds of one picture, of a preset; nothing is allocated."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model: Any = create_model(name).eval()
        image = torch.empty(1, model.config.in_chans, *model.config.size)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            features = model.forward_features(image)
            model.forward_head(features)
    tokens = features.shape[1] if features.ndim == 3 else 0
    return sum(p.numel() for p in model.parameters()), tokens, counter.get_total_flops() // 2

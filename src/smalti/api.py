"""The calls behind the commands: what `smalti X` does, `smalti.X(...)` does."""

import os
from typing import Any, Literal

from smalti.answering import load, opened, predict, sample
from smalti.configs import fit
from smalti.data import opening
from smalti.data.check import Check
from smalti.data.formats.columns import Columns
from smalti.data.text.check import TextCheck, check_text
from smalti.errors import InputError
from smalti.evaluate.evaluation import Evaluation
from smalti.evaluate.probing import Probed
from smalti.evaluate.text_evaluation import TextEvaluation
from smalti.export import export
from smalti.files import require_place
from smalti.importing import import_weights
from smalti.models import create_model, list_models
from smalti.models.sizes import Size, preset_size
from smalti.nn.threads import Threads
from smalti.ready import Model
from smalti.ready_text import TextModel, no_beams
from smalti.recipes.assemble import checked
from smalti.recipes.evaluate import evaluate_pictures
from smalti.recipes.probe import probe_pictures
from smalti.recipes.quickstart import quickstart
from smalti.recipes.run import resume, train
from smalti.recipes.text.evaluate import evaluate_text
from smalti.recipes.text.systems import is_text
from smalti.recipes.training import TrainResult
from smalti.tasks import AnyTask, Task

__all__ = [
    "TrainResult",
    "check",
    "create_model",
    "describe_model",
    "evaluate",
    "export",
    "import_weights",
    "list_models",
    "load",
    "predict",
    "probe",
    "quickstart",
    "resume",
    "sample",
    "train",
]

Part = Literal["train", "val", "test", "all"]


def check(
    data: str | os.PathLike[str],
    *,
    task: AnyTask | None = None,
    columns: Columns | None = None,
    download: bool = False,
    show: bool = True,
) -> Check | TextCheck:
    """Looks at every picture of a data set: what is there, what is wrong with it; or at its texts.

    Args:
        data: a folder, archive, file or name; or a text, a folder of texts, a table of texts.
        task: what the targets mean, where that could be more than one thing.
        columns: what the columns of a table mean that have other names, as of `train`.
        download: whether a standard set may be fetched.
        show: whether to show progress on stderr.
    """
    task = fit(task, AnyTask | None, "task")
    if is_text(data, task, columns):
        return check_text(data, task, columns)
    return checked(opening.open(data, download=download, task=task, columns=columns), show=show)  # type: ignore[arg-type]


def evaluate(
    model: Model | TextModel | str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    columns: Columns | None = None,
    split: Part = "test",
    int8: Any = None,
    merge: int = 0,
    patch_size: int | None = None,
    beams: int = 1,
    device: str | None = None,
    download: bool = False,
    report: str | os.PathLike[str] | None = None,
    show: bool = True,
) -> Evaluation | TextEvaluation:
    """Measures a trained model on a part of a data set.

    Args:
        model: a model file, a run folder or a loaded model.
        data: the data; its labels are matched to the model's by name. Labels of a multi-label model that it lacks are
            left out, and told of on stderr.
        columns: what the columns of a table mean that have other names, as of `train`; else what they meant when the
            model learned.
        split: "train", "val" or "test", as training on this data would have them; or "all", every readable sample.
        int8: pictures to calibrate int8 on, as in `load`.
        merge: how many tokens each block merges into others, as in `load`; the model without merging is measured too,
            and told of on stderr.
        patch_size: as in `load`.
        beams: width of the beam search, of a model that writes the target of a source; 1 is greedy.
        device: as in `load`.
        download: whether a standard set may be fetched.
        report: where to write an HTML report, if anywhere.
        show: whether to show progress on stderr.

    Raises:
        InputError: the data has labels the model does not know, or lacks targets of a regression, or the part is empty.
        StorageError: the report cannot be written.
    """
    fit(split, Part, "split")
    if report is not None:
        require_place(report)
    options = {"device": device, "int8": int8, "patch_size": patch_size}
    ready = opened(model, merge=merge, **options)
    if isinstance(ready, TextModel):
        with Threads():
            return evaluate_text(ready, data, split, columns=columns, beams=beams, report=report, show=show)
    no_beams("pictures", beams)
    unmerged: Any = opened(model, **options) if merge and show else None
    about = {"merge": merge, "unmerged": unmerged, "download": download, "report": report, "show": show}
    return evaluate_pictures(ready, data, split, columns=columns, **about)


def probe(
    model: Model | str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    task: Task | None = None,
    columns: Columns | None = None,
    k: int = 20,
    device: str | None = None,
    download: bool = False,
    show: bool = True,
) -> Probed:
    """Measures what a model's features know of a data set, without training it: the vote of the nearest training
    pictures, and a linear layer whose regularisation the validation pictures choose. Labels may be any.

    Args:
        model: a model file, a run folder or a loaded model.
        data: the data; split as training on it would split it.
        task: "classify", "multilabel" or "regress", where the data could mean more than one.
        columns: what the columns of a table mean that have other names, as of `evaluate`.
        k: neighbours that vote.
        device: as in `load`.
        download: whether a standard set may be fetched.
        show: whether to show progress on stderr.

    Raises:
        InputError: the data cannot be read, or a part of it is empty.
    """
    task = fit(task, Task | None, "task")
    if k < 1:
        raise InputError(f"-k {k} is not 1 or more", mend="give a number above 0")
    ready = opened(model, device=device)
    if not isinstance(ready, Model):
        raise InputError("is a model of text, not of pictures", where=model, mend="name a model trained on pictures")
    return probe_pictures(ready, data, task=task, columns=columns, k=k, download=download, show=show)


def describe_model(name: str) -> Size:
    """Parameters, tokens and multiply-adds of a preset. Raises InputError where there is none of that name."""
    return preset_size(name)

"""The calls behind the commands: what `smalti X` does, `smalti.X(...)` does."""

import os
from dataclasses import replace
from typing import Any, Literal

from smalti.answering import TIMED, load, opened, predict, sample
from smalti.configs import fit
from smalti.data import opening
from smalti.data.check import Check
from smalti.data.loader import Batches, Pictures
from smalti.data.source import Task
from smalti.data.split import split as split_source
from smalti.data.text.check import TextCheck, check_text
from smalti.errors import InputError
from smalti.evaluate.evaluation import Evaluation, evaluate_on, match_labels
from smalti.evaluate.page import write_report
from smalti.evaluate.probing import Probed, probe_on
from smalti.evaluate.report import DataSummary, Report
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
from smalti.recipes.quickstart import quickstart
from smalti.recipes.remarks import (
    cost_choice,
    known_as,
    learned_from,
    left_out,
    not_labelled,
    part_of_other_data,
    says_splits,
    speed_choice,
    tell,
)
from smalti.recipes.run import resume, train
from smalti.recipes.text.evaluate import evaluate_text
from smalti.recipes.text.systems import is_text
from smalti.recipes.training import TrainResult

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
    data: str | os.PathLike[str], *, task: str | None = None, download: bool = False, show: bool = True
) -> Check | TextCheck:
    """Looks at every picture of a data set: what is there, what is wrong with it; or at its texts.

    Args:
        data: a folder, archive, file or name; or a text, a folder of texts, a table of texts.
        task: what the targets mean, where that could be more than one thing.
        download: whether a standard set may be fetched.
        show: whether to show progress on stderr.
    """
    if is_text(data, task):
        return check_text(data, task)
    return checked(opening.open(data, download=download, task=task), show=show)  # type: ignore[arg-type]


def evaluate(
    model: Model | TextModel | str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
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
            return evaluate_text(ready, data, split, beams=beams, report=report, show=show)
    no_beams("pictures", beams)
    given = opening.open(data, download=download, task=ready.task)  # type: ignore[arg-type]
    matched = match_labels(given, ready)
    found = checked(given, show=show)
    given = replace(given, hashes=found.facts.hashes)
    about = {"seed": ready.provenance.get("seed", 0), "fraction": ready.provenance.get("fraction", 1.0)}
    parts = split_source(given, found.facts, **about)
    indices, known = getattr(parts, split), known_as(split, given.fingerprint, ready)
    n, is_given = len(indices), says_splits(given)
    share = part_of_other_data(split, known, n, len(parts.all), "pictures", is_given=is_given)
    remarks = (*share, *learned_from(split, known, n, "pictures"))
    tell((*left_out(found), *not_labelled(matched, ready), *remarks), show)
    if not len(indices):
        raise InputError(f'no picture is in the split "{split}"', where=given.name, mend="choose another --split")
    pictures = Pictures(matched, ready.preprocess)
    with Threads():
        result = evaluate_on(ready, matched, indices, pictures=pictures)
    if merge and show:
        plain = opened(model, **options)
        assert isinstance(plain, Model)
        before = evaluate_on(plain, matched, indices, pictures=pictures)
        (some,) = Batches(pictures, indices[:TIMED], batch_size=TIMED)
        tell((speed_choice(plain, ready, some["image"], merge), cost_choice(before, result)), show)
    if report is not None:
        page = Report(
            title=f"{ready.provenance.get('preset', 'model')} on {given.name}",
            task=given.task,
            metrics=result.metrics,
            split=known,
            model=str(ready.provenance.get("preset", "")),
            parameters=ready.provenance.get("parameters") or sum(p.numel() for p in ready.module.parameters()),
            labels=result.labels,
            confusion=result.confusion,
            per_class=result.table,
            mistakes=result.mistakes,
            scatter=(result.outputs.targets, result.outputs.logits) if ready.task == "regress" else None,  # type: ignore[arg-type]
            trained_on=ready.provenance.get("data", ""),
            data=DataSummary(given.name, {split: result.n}),
        )
        write_report(report, page)
    return result


def probe(
    model: Model | str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    task: Task | None = None,
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
        k: neighbours that vote.
        device: as in `load`.
        download: whether a standard set may be fetched.
        show: whether to show progress on stderr.

    Raises:
        InputError: the data cannot be read, or a part of it is empty.
    """
    fit(task, Task | None, "task")
    if k < 1:
        raise InputError(f"-k {k} is not 1 or more", mend="give a number above 0")
    ready = opened(model, device=device)
    if not isinstance(ready, Model):
        raise InputError("is a model of text, not of pictures", where=model, mend="name a model trained on pictures")
    given = opening.open(data, download=download, task=task)
    found = checked(given, show=show)
    tell(left_out(found), show)
    parts = split_source(given, found.facts, seed=ready.provenance.get("seed", 0))
    with Threads():
        return probe_on(ready, given, parts, k=k, show=show)


def describe_model(name: str) -> Size:
    """Parameters, tokens and multiply-adds of a preset. Raises InputError where there is none of that name."""
    return preset_size(name)

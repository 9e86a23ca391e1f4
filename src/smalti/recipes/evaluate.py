"""A finished model of pictures, measured on a part of a data set; and the page of a measurement, of texts too."""

import os
from dataclasses import replace

from smalti.data import opening
from smalti.data.batches import Batches
from smalti.data.check import Check
from smalti.data.formats.columns import Columns, as_learned
from smalti.data.pictures import Pictures
from smalti.data.source import Source
from smalti.data.split import split as split_source
from smalti.errors import InputError, counted
from smalti.evaluate.evaluation import Evaluation, evaluate_on, match_labels
from smalti.evaluate.page import write_report
from smalti.evaluate.report import DataSummary, Report
from smalti.evaluate.speed import TIMED
from smalti.evaluate.text_evaluation import TextEvaluation
from smalti.nn.threads import Threads
from smalti.ready import Model
from smalti.ready_text import TextModel
from smalti.recipes.assemble import checked
from smalti.recipes.remarks import (
    about_data,
    cost_choice,
    known_as,
    learned_from,
    not_labelled,
    part_of_other_data,
    says_splits,
    speed_choice,
    tell,
)
from smalti.recipes.text.systems import is_text

__all__ = ["demand_channels", "evaluate_pictures", "evaluation_page", "open_pictures"]


def evaluate_pictures(
    model: Model,
    data: str | os.PathLike[str],
    split: str,
    *,
    merge: int = 0,
    unmerged: Model | None = None,
    download: bool = False,
    columns: Columns | None = None,
    report: str | os.PathLike[str] | None = None,
    show: bool = True,
) -> Evaluation:
    """Measures `model` on "train", "val" or "test" of pictures, split as training on them would, or on "all" of them.
    What it has learned from, and what is left out, is told of on stderr, if `show`.

    Args:
        model: whose labels the data's are matched to, by name.
        data: where the pictures are.
        split: the part.
        merge: how many tokens each block of `model` merges into others.
        unmerged: the same model without that, to tell what merging gains and costs; None tells nothing.
        download: whether a standard set may be fetched.
        columns: what those of a table mean, as of `data.open`; else what those meant that the model learned from.
        report: where to write the page, if anywhere.
        show: whether to tell things, and to show progress.

    Raises:
        InputError: the data has labels the model does not know, or lacks targets of a regression, or the part is empty.
        StorageError: the page cannot be written.
    """
    source = open_pictures(model, data, model.task, download=download, columns=columns)
    matched = match_labels(source, model)
    found = checked(source, show=show)
    demand_channels(model, found, source.name)
    source = replace(source, hashes=found.facts.hashes)
    about = {"seed": model.provenance.get("seed", 0), "fraction": model.provenance.get("fraction", 1.0)}
    parts = split_source(source, found.facts, **about)
    indices, known = getattr(parts, split), known_as(split, source.fingerprint, model)
    n, is_given = len(indices), says_splits(source)
    share = part_of_other_data(split, known, n, len(parts.all), "pictures", is_given=is_given)
    remarks = (*share, *learned_from(split, known, n, "pictures"))
    tell((*about_data(found), *not_labelled(matched, model), *remarks), show)
    if not n:
        raise InputError(f'no picture is in the split "{split}"', where=source.name, mend="choose another --split")
    pictures = Pictures(matched, model.preprocess)
    with Threads():
        result = evaluate_on(model, matched, indices, pictures=pictures)
    if unmerged is not None:
        before = evaluate_on(unmerged, matched, indices, pictures=pictures)
        (some,) = Batches(pictures, indices[:TIMED], batch_size=TIMED)
        tell((speed_choice(unmerged, model, some["image"], merge), cost_choice(before, result)), show)
    if report is not None:
        write_report(report, evaluation_page(model, result, known, DataSummary(source.name, {split: result.n})))
    return result


def open_pictures(
    model: Model, data: str | os.PathLike[str], task: str | None, *, download: bool, columns: Columns | None
) -> Source:
    """The data a finished model of pictures is measured on. Where no columns are named, they mean what they did when it
    learned. Raises InputError where it is text, or cannot be read."""

    def read(named: Columns | None) -> Source:
        if is_text(data, task, named):
            raise InputError("is text, the model is for pictures", where=data, mend="name pictures, or a model of text")
        return opening.open(data, download=download, task=task, columns=named)  # type: ignore[arg-type]

    return as_learned(read, columns, model.provenance.get("columns"))


def demand_channels(model: Model, found: Check, name: str) -> None:
    """Raises InputError where the pictures `name` have channels that are not those of the model: colour becomes grey
    and grey any number, no other becomes another."""
    theirs, ours = found.channels, model.preprocess.in_chans
    if theirs != ours and theirs != 1 and (theirs, ours) != (3, 1):
        what = f"the pictures have {counted(theirs, 'channel')}, the model sees {ours}"
        raise InputError(what, where=name, mend="name other pictures; smalti train --from fits a model to these")


def evaluation_page(
    model: Model | TextModel,
    found: Evaluation | TextEvaluation,
    known: str,
    data: DataSummary,
    *,
    unit: str = "pictures",
) -> Report:
    """The page of a measurement outside a run.

    Args:
        model: which was measured.
        found: what was measured.
        known: what the part is to the model (`known_as`).
        data: what it was measured on.
        unit: what was judged, several of them.
    """
    preset = str(model.provenance.get("preset", ""))
    numbers = isinstance(found, Evaluation) and model.task == "regress"
    return Report(
        title=f"{preset or 'model'} on {data.name}",
        task=model.task,
        metrics=found.metrics,
        split=known,
        model=preset,
        parameters=model.provenance.get("parameters"),  # a module made ready for inference has few left
        labels=found.labels,
        confusion=found.confusion,
        per_class=found.table,
        mistakes=found.mistakes,
        scatter=(found.outputs.targets, found.outputs.logits) if numbers else None,  # type: ignore[arg-type]
        trained_on=model.provenance.get("data", ""),
        data=data,
        unit=unit,
    )

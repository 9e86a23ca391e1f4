"""What the report page of a run shows."""

import numpy as np
from torch import nn

from smalti.evaluate.evaluation import Evaluation, thumbnail
from smalti.evaluate.report import SHEET_CLASSES, DataSummary, Report, Timing
from smalti.recipes.assemble import Run
from smalti.recipes.training import made_with
from smalti.train.state import TrainState

__all__ = ["make_report"]

A_CLASS = 8  # training pictures on the sheet


def make_report(run: Run, state: TrainState, model: nn.Module, evaluation: Evaluation | None, timing: Timing) -> Report:
    """Everything the page shows."""
    source, found = run.source, run.check
    pace = dict(state.pace)
    curves = [{**row, "seconds": pace.get(int(row["step"]))} for row in state.rows]
    sizes = found.sizes.tolist()
    regress = source.task == "regress"
    totals = found.counts.sum(0).tolist()
    return Report(
        title=source.name,
        task=source.task,
        metrics=evaluation.metrics if evaluation else {},
        split="test" if evaluation else "",
        model=run.recipe.model.preset,
        parameters=sum(p.numel() for p in model.parameters()),
        labels=source.labels,
        confusion=evaluation.confusion if evaluation else None,
        per_class=evaluation.table if evaluation else (),
        mistakes=evaluation.mistakes if evaluation else (),
        scatter=(evaluation.outputs.targets, evaluation.outputs.logits) if evaluation and regress else None,  # type: ignore[arg-type]
        trained_on=source.name,
        data=DataSummary(
            source.name,
            {"train": len(run.split.train), "val": len(run.split.val), "test": len(run.split.test)},
            () if regress else tuple(zip(source.labels, totals, strict=True)),
            tuple(sizes[0]),
            tuple(sizes[2]),
            found.channels,
            [f"{p.file}: {p.cause}" if p.file else p.cause for p in found.problems if p.kind != "note"][:50],
            run.split.reason,
        ),
        samples=sample_sheet(run),
        choices=[(c.name, c.value, c.reason) for c in run.choices],
        curves=curves,
        timing=timing,
        run=str(run.folder.path),
        versions=made_with(),
        command=run.config.command,
    )


def sample_sheet(run: Run) -> list[tuple[str, list[np.ndarray]]]:
    """The first training pictures of each class."""
    source, train = run.source, run.split.train
    if source.task == "regress":
        return [("training pictures", [thumbnail(source, int(i), run.recipe.preprocess) for i in train[:24]])]
    sheet = []
    for number, label in enumerate(source.labels[:SHEET_CLASSES]):
        targets = np.asarray(source.targets[train], np.int64)
        has = targets == number if source.task == "classify" else targets[:, number] == 1
        sheet.append((label, [thumbnail(source, int(i), run.recipe.preprocess) for i in train[has][:A_CLASS]]))
    return sheet

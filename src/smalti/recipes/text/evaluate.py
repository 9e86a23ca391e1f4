"""A finished model of text, measured on a part of a data set."""

import os
from dataclasses import replace

from smalti.configs import demand
from smalti.data.formats.columns import Columns, as_learned
from smalti.errors import InputError
from smalti.evaluate.evaluation import match_labels
from smalti.evaluate.page import write_report
from smalti.evaluate.report import DataSummary
from smalti.evaluate.text_evaluation import TextEvaluation
from smalti.ready_text import TextModel, no_beams
from smalti.recipes.evaluate import evaluation_page
from smalti.recipes.remarks import known_as, learned_from, part_of_other_data, tell
from smalti.recipes.text.pairs import Translation
from smalti.recipes.text.recipe import TokensConfig
from smalti.recipes.text.sentences import Labelling
from smalti.recipes.text.systems import System, open_system

__all__ = ["evaluate_text"]


def evaluate_text(
    model: TextModel,
    data: str | os.PathLike[str],
    split: str,
    *,
    columns: Columns | None = None,
    beams: int = 1,
    report: str | os.PathLike[str] | None = None,
    show: bool = True,
) -> TextEvaluation:
    """Measures `model` on "train", "val" or "test" of text, split as training on it would, or on "all" of it; what it
    writes for pairs is found with so many `beams`. What the model has learned from is told of on stderr, if `show`.
    `columns` says what those of a table mean, as of `open_system`; where nothing is said, they mean what they did when
    it learned.

    Raises:
        InputError: the data is not for the model's task, holds what it has no id for, or has nothing in this part.
    """
    no_beams(model.task, beams)
    demand(beams >= 1, "--beams", beams, "1 or more")
    tokens = TokensConfig(tokenizer=model.tokenizer.kind)  # type: ignore[arg-type]
    seed = model.provenance.get("seed", 0)

    def opened(named: Columns | None) -> System:
        return open_system(data, model.task, tokens, columns=named, seed=seed, tokenizer=model.tokenizer)

    system = as_learned(opened, columns, model.provenance.get("columns"))
    if isinstance(system, Labelling):
        system = replace(system, source=match_labels(system.source, model))
    options = {"beams": beams} if isinstance(system, Translation) else {}
    cut = system.read(model.module, (split,))
    found = system.measure(model.module, split, **options)
    if not found.n:
        raise InputError(f'there is no text in the split "{split}"', where=system.name, mend="choose another --split")
    known, total = known_as(split, system.fingerprint(), model), sum(system.sizes.values())
    n = system.sizes.get(split, total)
    share = part_of_other_data(split, known, n, total, system.unit, is_given=system.is_given)
    tell((*share, *learned_from(split, known, found.n, system.unit), *cut), show)
    if report is not None:
        about = DataSummary(system.name, {split: system.sizes.get(split, found.n)}, split_reason=system.reason)
        write_report(report, evaluation_page(model, found, known, about, unit=system.unit))
    return found

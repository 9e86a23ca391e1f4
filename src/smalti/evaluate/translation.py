"""How near written texts are to the wanted ones: BLEU (Papineni et al. 2002) and chrF (Popović 2015), as sacrebleu
computes them (arXiv:1804.08771), so that figures compare."""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.errors import InputError, install_line
from smalti.evaluate.groups import groups_of, in_groups
from smalti.evaluate.intervals import Floats, Interval, bootstrap_means
from smalti.evaluate.metrics import Metric

__all__ = ["has_sacrebleu", "translation_metrics"]

DRAWS = 1000
WORDS = 4  # that BLEU looks at together: of shorter texts it says nothing


def has_sacrebleu() -> bool:
    """Whether the extra is installed."""
    return find_spec("sacrebleu") is not None


def translation_metrics(
    said: Sequence[str], wanted: Sequence[str], *, groups: NDArray[np.integer] | None = None
) -> dict[str, Metric]:
    """bleu and chrf, 0 to 100, with sacrebleu's bootstrap interval and its signature as the note; bleu only of texts of
    four words or more.

    Args:
        said: N texts.
        wanted: N texts, none empty.
        groups: (N,) numbers, equal where pairs are of one group (a document); whole groups are drawn then. None where
            each stands alone.

    Raises:
        InputError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU  # pyright: ignore[reportMissingImports]
        from sacrebleu.metrics.chrf import CHRF  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        what = "BLEU and chrF need sacrebleu, which is not installed"
        raise InputError(what, mend=install_line("sacrebleu")) from error
    metrics, numbers = {}, groups_of(groups)
    scorers = {"bleu": BLEU(force=True), "chrf": CHRF()}  # force: no remarks on how a text is spaced
    if max(len(text.split()) for text in wanted) < WORDS:
        del scorers["bleu"]
    for name, scorer in scorers.items():
        score = scorer.corpus_score(list(said), [list(wanted)], n_bootstrap=DRAWS if numbers is None else 1)
        value, signature = min(score.score, 100.0), str(scorer.get_signature())  # sums may exceed it by a rounding
        if numbers is None:
            told = json.loads(score.format(width=9, signature=signature, is_json=True))
            half = told.get("confidence_var")
            ends = (None, None) if half is None else (max(0.0, value - half), min(100.0, value + half))
        else:
            ends = grouped_interval(scorer, said, wanted, numbers, value)
        metrics[name] = Metric(value, *ends, len(said), share=False, note=f"sacrebleu {signature}")
    return in_groups(metrics, numbers)


def grouped_interval(
    scorer: Any, said: Sequence[str], wanted: Sequence[str], groups: NDArray[np.int64], value: float
) -> Interval:
    """The interval of a score of sacrebleu, a function of sums over texts, with this value; draws whole groups (N,)."""
    counts = np.array(scorer._extract_corpus_statistics(list(said), [list(wanted)]), np.float64)  # (N, M)

    def scores(means: Floats) -> Floats:
        return np.array([scorer._compute_score_from_stats(list(row)).score for row in means * len(counts)])

    low, high = bootstrap_means(counts, scores, groups=groups)
    return (None, None) if low is None or high is None else (min(low, value), min(max(high, value), 100.0))

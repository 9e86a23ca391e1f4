"""How near written texts are to the wanted ones: BLEU (Papineni et al. 2002) and chrF (Popović 2015), as sacrebleu
computes them (arXiv:1804.08771), so that figures compare."""

import json
from collections.abc import Sequence
from importlib.util import find_spec

from smalti.errors import InputError
from smalti.evaluate.metrics import Metric

__all__ = ["has_sacrebleu", "translation_metrics"]

DRAWS = 1000
WORDS = 4  # that BLEU looks at together: of shorter texts it says nothing


def has_sacrebleu() -> bool:
    """Whether the extra is installed."""
    return find_spec("sacrebleu") is not None


def translation_metrics(said: Sequence[str], wanted: Sequence[str]) -> dict[str, Metric]:
    """bleu and chrf, 0 to 100, with sacrebleu's bootstrap interval and its signature as the note; bleu only of texts of
    four words or more.

    Args:
        said: N texts.
        wanted: N texts, none empty.

    Raises:
        InputError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU  # pyright: ignore[reportMissingImports]
        from sacrebleu.metrics.chrf import CHRF  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            "BLEU and chrF need sacrebleu, which is not installed", mend="pip install 'sacrebleu>=2.5'"
        ) from error
    metrics = {}
    scorers = {"bleu": BLEU(force=True), "chrf": CHRF()}  # force: no remarks on how a text is spaced
    if max(len(text.split()) for text in wanted) < WORDS:
        del scorers["bleu"]
    for name, scorer in scorers.items():
        score = scorer.corpus_score(list(said), [list(wanted)], n_bootstrap=DRAWS)
        signature = str(scorer.get_signature())
        told = json.loads(score.format(width=9, signature=signature, is_json=True))
        half = told.get("confidence_var")
        value = min(score.score, 100.0)  # which sums may exceed by a rounding
        ends = (None, None) if half is None else (max(0.0, value - half), min(100.0, value + half))
        metrics[name] = Metric(value, *ends, len(said), share=False, note=f"sacrebleu {signature}")
    return metrics

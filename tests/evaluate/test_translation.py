import subprocess
import sys

import numpy as np
import pytest

from smalti.evaluate.translation import has_sacrebleu, translation_metrics


@pytest.mark.skipif(not has_sacrebleu(), reason="needs sacrebleu")
def test_the_figures_are_sacrebleus():
    import sacrebleu

    wanted = [f"the cat number {i} sat on the mat, and stayed there." for i in range(30)]
    said = [text.replace("mat", "rug") if i % 2 else text for i, text in enumerate(wanted)]
    metrics = translation_metrics(said, wanted)
    assert metrics["bleu"].value == pytest.approx(sacrebleu.corpus_bleu(said, [wanted]).score)
    assert metrics["chrf"].value == pytest.approx(sacrebleu.corpus_chrf(said, [wanted]).score)
    for metric in metrics.values():
        assert metric.low < metric.value < metric.high
        assert metric.n == 30
        assert metric.note.startswith("sacrebleu nrefs:1|bs:1000|seed:12345|")


def translated(rng, documents, size):
    """What a model says of texts, many mistakes in some documents and few in others; and what is wanted."""
    words = np.array([f"word{i}" for i in range(50)])
    wanted = words[rng.integers(50, size=(documents, size, 12))]
    wrong = rng.random(wanted.shape) < rng.beta(0.5, 1, (documents, 1, 1))
    said = np.where(wrong, "wrong", wanted)
    return ([" ".join(text) for text in texts.reshape(-1, 12)] for texts in (said, wanted))


@pytest.mark.skipif(not has_sacrebleu(), reason="needs sacrebleu")
def test_documents_are_drawn_whole():
    """The interval is as wide as the figure varies from one set of documents to the next."""
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(30), 4)
    said, wanted = translated(rng, 30, 4)
    alone, together = translation_metrics(said, wanted), translation_metrics(said, wanted, groups=groups)
    others = [translation_metrics(*translated(rng, 30, 4), groups=np.zeros(120, int)) for _ in range(25)]
    for name, metric in together.items():
        spread = np.std([metrics[name].value for metrics in others], ddof=1)
        assert 0.7 < (metric.high - metric.low) / (2 * 1.96 * spread) < 1.5
    for name, metric in together.items():
        assert metric.value == alone[name].value
        assert metric.groups == 30
        assert metric.low < metric.value < metric.high
        assert metric.high - metric.low > 1.3 * (alone[name].high - alone[name].low)
        assert "|bs:" not in metric.note
    assert translation_metrics(said, wanted, groups=np.arange(120)) == alone
    assert translation_metrics(said[:4], wanted[:4], groups=groups[:4])["bleu"].low is None  # one document says nothing


@pytest.mark.skipif(not has_sacrebleu(), reason="needs sacrebleu")
def test_nothing_right_is_zero():
    assert translation_metrics(["xyz"] * 5, ["the cat sat on the mat"] * 5)["bleu"].value < 5


def test_without_the_library_the_error_says_how_to_install_it():
    code = """
import sys
sys.modules["sacrebleu"] = None
from smalti.evaluate.translation import translation_metrics
translation_metrics(["a"], ["a"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'sacrebleu>=2.5'" in done.stderr

import subprocess
import sys

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

import numpy as np
import pytest
from tests.evaluate.token_examples import TEXT, Recurrent, outputs_of, plain

from smalti.data.text import AllWindows
from smalti.errors import InputError
from smalti.evaluate.token_outputs import TokenOutputs, collect_tokens, rows_that_fit


def test_every_token_is_judged_once_with_the_context_of_its_window():
    model = Recurrent()
    outputs = collect_tokens(model, AllWindows(TEXT, max_len=16, batch_size=3))
    losses, right = [], []
    for start in range(0, 202, 16):
        piece = TEXT[start : start + 17]
        a, b = plain(model, piece[:-1], piece[1:])
        losses, right = losses + a, right + b
    assert outputs.counts.sum() == 202
    assert outputs.loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert outputs.accuracy == pytest.approx(np.mean(right))


def test_fewer_windows_are_judged_at_a_time_where_the_vocabulary_is_large():
    assert rows_that_fit(64, 128, 65) == 64
    assert rows_that_fit(64, 1024, 50257) == 1  # GPT-2: 200 MB of logits, not 12 GiB
    assert rows_that_fit(64, 128, 50257) == 10
    assert rows_that_fit(64, 10**6, 10**6) == 1


def test_the_error_of_independent_pieces_is_that_of_a_mean():
    losses = np.random.default_rng(0).normal(20, 2, 50)
    made = outputs_of(losses)
    assert made.error(made.losses) == pytest.approx(losses.std(ddof=1) / 50**0.5 / 10)


def test_the_error_of_correlated_pieces_is_larger():
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(200):
        scenes = np.repeat(rng.normal(20, 2, 100), 10)  # ten neighbours are alike
        made = outputs_of(scenes + rng.normal(0, 1, 1000))
        ratios.append((made.loss - 2) / made.error(made.losses))
    assert 0.85 < np.std(ratios) < 1.2  # errors are as large as they say
    shuffled = TokenOutputs(made.losses, made.right, made.counts, rng.permutation(1000))
    assert shuffled.error(made.losses) < made.error(made.losses) / 2


def test_nothing_to_predict_is_refused():
    with pytest.raises(InputError, match="no token to predict"):
        collect_tokens(Recurrent(), [])

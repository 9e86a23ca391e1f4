import numpy as np
import pytest
from sklearn import metrics as sk

from smalti.errors import InputError
from smalti.evaluate.multilabel import mean_average_precision, multilabel_metrics, per_label


def draw(rng, n, labels=6, sharpness=2.0):
    """Labels that go together within a picture, and answers that fail together too."""
    thresholds = np.linspace(0.0, 1.5, labels)
    latent = rng.normal(size=(n, labels)) + rng.normal(size=(n, 1))
    logits = (latent - thresholds) * sharpness + rng.normal(size=(n, labels)) * (0.5 + rng.exponential(size=(n, 1)))
    return 1 / (1 + np.exp(-logits)), (latent > thresholds).astype(np.float32)


def test_values_equal_sklearn():
    p, y = draw(np.random.default_rng(0), 400)
    m, guess = multilabel_metrics(p, y), p >= 0.5
    assert m["map"].value == pytest.approx(sk.average_precision_score(y, p, average="macro"))
    assert m["micro_f1"].value == pytest.approx(sk.f1_score(y, guess, average="micro"))
    assert m["subset_accuracy"].value == pytest.approx(sk.accuracy_score(y, guess))
    assert m["hamming_loss"].value == pytest.approx(sk.hamming_loss(y, guess))
    assert m["auroc"].value == pytest.approx(sk.roc_auc_score(y, p, average="macro"))
    assert all(metric.low <= metric.value <= metric.high for metric in m.values())


def test_a_label_without_positives_is_left_out_and_said():
    p, y = draw(np.random.default_rng(0), 100)
    y[:, 2] = 0
    m, kept = multilabel_metrics(p, y), [0, 1, 3, 4, 5]
    assert m["map"].value == pytest.approx(sk.average_precision_score(y[:, kept], p[:, kept], average="macro"))
    assert m["map"].note == "1 of 6 labels without positives left out"
    assert mean_average_precision(p, y > 0)[0] == pytest.approx(m["map"].value)


def test_no_positives_at_all():
    m = multilabel_metrics(np.full((5, 2), 0.1), np.zeros((5, 2)))
    assert "map" not in m
    assert "auroc" not in m
    assert m["subset_accuracy"].value == 1
    assert m["micro_f1"].value == 0
    assert np.isnan(mean_average_precision(np.zeros((5, 2)), np.zeros((5, 2), bool))[0])


def test_a_model_without_mistakes_gets_no_empty_interval():
    y = (np.arange(60).reshape(20, 3) % 4 == 0).astype(float)
    m = multilabel_metrics(y, y)
    for name in ("map", "micro_f1", "subset_accuracy", "auroc"):
        assert m[name].value == 1
        assert 0.3 < m[name].low < 0.99, name


def test_per_label_equals_sklearn():
    p, y = draw(np.random.default_rng(1), 80)
    y[:, 5] = 0
    rows = per_label(p, y, list("abcdef"))
    for k, row in enumerate(rows[:5]):
        guess = p[:, k] >= 0.5
        assert row["average_precision"] == pytest.approx(sk.average_precision_score(y[:, k], p[:, k]))
        assert row["precision"] == pytest.approx(sk.precision_score(y[:, k], guess, zero_division=0))
        assert row["recall"] == pytest.approx(sk.recall_score(y[:, k], guess))
        assert row["f1"] == pytest.approx(sk.f1_score(y[:, k], guess))
        assert row["support"] == y[:, k].sum()
    assert rows[5]["average_precision"] is None


def test_intervals_cover_the_truth_though_labels_share_their_pictures():
    rng = np.random.default_rng(3)
    truth = multilabel_metrics(*draw(rng, 100_000))
    draws = [multilabel_metrics(*draw(rng, 200)) for _ in range(100)]
    for name in ("map", "micro_f1", "subset_accuracy", "auroc"):
        held = np.mean([m[name].low <= truth[name].value <= m[name].high for m in draws])
        assert held >= 0.86, (name, held)
    assert np.mean([m["map"].high - m["map"].low for m in draws]) < 0.2


def test_the_interval_of_mean_average_precision_covers_the_truth_of_rare_labels():
    def rare(n):
        y = rng.random((n, 10)) < 0.03
        return 1 / (1 + np.exp(1 - y - rng.normal(size=y.shape))), y

    rng = np.random.default_rng(4)
    truth, _ = mean_average_precision(*rare(20_000))
    draws = [multilabel_metrics(*rare(400))["map"] for _ in range(30)]
    assert np.mean([m.value for m in draws]) > truth + 0.02  # as scikit-learn's: counting itself lifts a positive
    assert np.mean([m.low <= truth <= m.high for m in draws]) >= 0.9


@pytest.mark.parametrize(
    ("p", "y", "says"),
    [
        ([[0.5, np.inf]], [[0, 1]], "not finite"),
        ([[0.5, 1.5]], [[0, 1]], "lie in [0, 1]"),
        ([[0.5, 0.5]], [[0, 2]], "0 or 1"),
        ([[0.5, 0.5]], [[0]], "do not fit"),
        (np.empty((0, 2)), np.empty((0, 2)), "no samples"),
    ],
)
def test_bad_input_is_named(p, y, says):
    with pytest.raises(InputError, match=says.replace("[", r"\[")):
        multilabel_metrics(p, y)

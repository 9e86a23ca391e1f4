import json

import pytest

from smalti.evaluate.metrics import Metric, number, percent


def test_a_share_is_written_in_percent_with_interval_and_n():
    assert str(Metric(0.98333, 0.971, 0.99, 360)) == "98.3 % (97.1–99.0, n = 360)"


def test_a_plain_number_keeps_three_digits():
    assert str(Metric(0.05123, 0.0401, 0.0702, 360, share=False)) == "0.0512 (0.0401–0.0702, n = 360)"


def test_without_an_interval_only_n_is_said():
    assert str(Metric(1.0, None, None, 1)) == "100.0 % (n = 1)"


def test_the_json_shape_is_stable_and_valid():
    data = Metric(0.5, None, 0.75, 4).to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == {"value": 0.5, "low": None, "high": 0.75, "n": 4}
    assert Metric(0.5, 0.1, 0.9, 4, note="one left out").to_dict()["note"] == "one left out"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100.0 %"),
        (0.9999, "99.99 %"),
        (0.9999999, "99.99999 %"),
        (0.99951, "99.95 %"),
        (0.98333, "98.3 %"),
        (0.0, "0.0 %"),
    ],
)
def test_only_the_whole_is_called_a_hundred_percent(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.051234, "0.0512"), (12.345, "12.3"), (123.4, "123"), (12345.6, "12,346"), (0.0, "0.00"), (-0.25, "−0.250")],
)
def test_numbers(value, text):
    assert number(value) == text

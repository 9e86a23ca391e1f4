import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.cli.output import as_line, metrics_dict, metrics_table, show, table, write_json
from smalti.evaluate.metrics import Metric

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(values)
def test_a_line_of_json_is_one_line_and_reads_back(value: object):
    line = as_line(value)
    assert "\n" not in line
    assert json.loads(line) == value


def test_numbers_json_has_no_word_for_are_null_and_other_types_plain():
    value = {
        "nan": float("nan"),
        "inf": np.float32("inf"),
        "n": np.int64(3),
        "p": Path("a/b"),
        "top": (("x", np.float32(0.5)),),
    }
    assert json.loads(as_line(value)) == {"nan": None, "inf": None, "n": 3, "p": "a/b", "top": [["x", 0.5]]}


def test_an_undecodable_file_name_survives_json():
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    line = as_line({"file": name})
    assert line.isascii()
    assert json.loads(line)["file"] == name


def test_write_json_is_one_line_on_stdout(capsys: pytest.CaptureFixture[str]):
    write_json({"n": 1})
    assert capsys.readouterr() == ('{"n": 1}\n', "")


def test_names_are_never_markup_and_never_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "40")
    long = "x" * 100
    show(table("t", ("file", "n"), [("[red]not[/red] a :smile: style[/]", "1"), (long, "2")]), f"[bold] run: {long}")
    out = capsys.readouterr().out
    assert "[red]not[/red] a :smile: style[/]" in out
    assert out.count("x") == 200
    assert f"[bold] run: {long}\n" in out
    assert "\x1b" not in out


def test_columns_of_numbers_stand_to_the_right(capsys: pytest.CaptureFixture[str]):
    show(table("", ("name", "count"), [("a", "1"), ("long name", "1,000")]))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    one, thousand = (next(line for line in lines if line.startswith(start)) for start in ("a ", "long"))
    assert len(one) == len(thousand)


def test_metrics_as_json_and_as_a_table(capsys: pytest.CaptureFixture[str]):
    metrics = {
        "accuracy": Metric(0.983, 0.971, 0.99, 360),
        "log_loss": Metric(0.0512, None, None, 360, share=False, note="one class only"),
    }
    assert metrics_dict(metrics)["accuracy"] == {"value": 0.983, "low": 0.971, "high": 0.99, "n": 360}
    show(metrics_table("test", metrics))
    out = capsys.readouterr().out
    assert "98.3 %" in out
    assert "97.1–99.0" in out
    assert "one class only" in out
    show(metrics_table("test", {"accuracy": metrics["accuracy"]}))
    assert "remark" not in capsys.readouterr().out

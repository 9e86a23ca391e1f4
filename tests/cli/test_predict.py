import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smalti import answering
from smalti.cli import run
from smalti.errors import InputError
from smalti.ready import Prediction
from smalti.ready_text import TextPrediction

CAT = Prediction("a.png", "cat", 0.75, (("cat", 0.75), ("dog", 0.25)), {"cat": 0.75, "dog": 0.25})
BROKEN = Prediction("b\x1b.png", error=InputError("cannot be decoded", why="truncated", mend="copy it again"))
SIZE = Prediction("c.png", values={"width": 1.5, "height": 2.0})

Answer = Callable[[list[Prediction]], dict[str, Any]]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Makes the library give these predictions; what the command asked for is in the dict."""

    def these(predictions: list[Prediction]) -> dict[str, Any]:
        made: dict[str, Any] = {}

        def predict(model: str, inputs: tuple[str, ...], **given: Any) -> Iterator[Prediction]:
            made.update(model=model, inputs=inputs, **given)
            return iter(predictions)

        monkeypatch.setattr(answering, "predict", predict)
        return made

    return these


def test_the_words_of_the_command_line_reach_the_library(answer: Answer):
    made = answer([CAT])
    words = ["--top", "2", "--batch-size", "8", "--merge", "4", "--patch-size", "16", "--beams", "3"]
    words += ["--texts", "--device", "cuda", "--column", "text=review"]
    assert run(["predict", "runs/a", "a.png", "folder", *words]) == 0
    assert (made.pop("model"), made.pop("inputs")) == ("runs/a", ("a.png", "folder"))
    assert (made.pop("texts"), made.pop("device")) == (True, "cuda")
    assert made.pop("columns") == {"text": "review"}
    assert made == {"top": 2, "batch_size": 8, "int8": None, "merge": 4, "patch_size": 16, "beams": 3}


def test_pictures_to_calibrate_on_reach_the_library(answer: Answer):
    made = answer([CAT])
    assert run(["predict", "runs/a", "a.png", "--int8", "folder"]) == 0
    assert made["int8"] == Path("folder")


def test_a_picture_named_like_an_option_comes_after_two_dashes(answer: Answer):
    made = answer([CAT])
    assert run(["predict", "runs/a", "--", "--json", "--debug"]) == 0
    assert made["inputs"] == ("--json", "--debug")


def test_json_is_one_object_a_line_and_errors_keep_their_place(answer: Answer, capsys: pytest.CaptureFixture[str]):
    answer([CAT, BROKEN, CAT])
    assert run(["predict", "m", "x", "--json"]) == 2
    out, err = capsys.readouterr()
    first, second, third = map(json.loads, out.splitlines())
    assert first == third
    assert first == {"file": "a.png", "label": "cat", "probability": 0.75, "top": [["cat", 0.75], ["dog", 0.25]]}
    assert second["file"] == "b\x1b.png"
    assert set(second["error"]) == {"cause", "mend"}
    assert err == ""


@pytest.mark.parametrize("way", ["--json", "--csv"])
def test_lines_come_as_the_pictures_are_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
):
    def predict(*_: Any, **__: Any) -> Iterator[Prediction]:
        yield CAT
        assert "a.png" in capsys.readouterr().out
        raise InputError("no more")

    monkeypatch.setattr(answering, "predict", predict)
    assert run(["predict", "m", "x", way]) == 2
    assert "no more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("predictions", "code", "rows"),
    [
        ([CAT], 0, [["file", "label", "probability", "error"], ["a.png", "cat", "0.75", ""]]),
        (
            [BROKEN, CAT],
            2,
            [
                ["file", "label", "probability", "error"],
                ["b\x1b.png", "", "", "cannot be decoded (truncated)"],
                ["a.png", "cat", "0.75", ""],
            ],
        ),
        ([SIZE], 0, [["file", "width", "height", "error"], ["c.png", "1.5", "2.0", ""]]),
        (
            [BROKEN, SIZE],
            2,
            [
                ["file", "width", "height", "error"],
                ["b\x1b.png", "", "", "cannot be decoded (truncated)"],
                ["c.png", "1.5", "2.0", ""],
            ],
        ),
        (
            [BROKEN],
            2,
            [["file", "label", "probability", "error"], ["b\x1b.png", "", "", "cannot be decoded (truncated)"]],
        ),
    ],
    ids=["class", "class and error", "values", "values and error", "error"],
)
def test_csv_has_a_heading_and_a_row_a_picture(
    answer: Answer,
    capsys: pytest.CaptureFixture[str],
    predictions: list[Prediction],
    code: int,
    rows: list[list[str]],
):
    answer(predictions)
    assert run(["predict", "m", "x", "--csv"]) == code
    assert list(csv.reader(io.StringIO(capsys.readouterr().out, newline=""))) == rows


@pytest.mark.parametrize("way", [["--csv"], []], ids=["csv", "table"])
def test_labels_that_are_asked_for_are_rows(answer: Answer, capsys: pytest.CaptureFixture[str], way: list[str]):
    made = answer([CAT, BROKEN])
    assert run(["predict", "m", "x", *way]) == 2
    assert made["top"] == 5
    assert "dog" not in capsys.readouterr().out
    answer([CAT, BROKEN])
    assert run(["predict", "m", "x", "--top", "2", *way]) == 2
    words = re.findall(r"\bcat\b|dog|0\.[27]5|cannot", capsys.readouterr().out)
    assert words == ["cat", "0.75", "dog", "0.25", "cannot"]
    answer([TextPrediction("a b", "cat", 0.75, (("cat", 0.75), ("dog", 0.25)))])  # type: ignore[list-item]
    assert run(["predict", "m", "a b", "--top", "2", "--csv"]) == 0
    assert capsys.readouterr().out == "text,answer,probability,error,remark\na b,cat,0.75,,\na b,dog,0.25,,\n"


def test_people_get_a_table_of_harmless_names(answer: Answer, capsys: pytest.CaptureFixture[str]):
    answer([CAT, BROKEN])
    assert run(["predict", "m", "x"]) == 2
    out = capsys.readouterr().out
    assert "0.7500" in out
    assert "b\\x1b.png" in out
    assert "cannot be decoded (truncated); copy it again" in out
    assert "\x1b" not in out
    answer([CAT])
    assert run(["predict", "m", "x"]) == 0
    assert "error" not in capsys.readouterr().out


def test_no_pictures_at_all_print_a_heading_only(answer: Answer, capsys: pytest.CaptureFixture[str]):
    answer([])
    assert run(["predict", "m", "x", "--csv"]) == 0
    assert capsys.readouterr().out == "file,label,probability,error\n"

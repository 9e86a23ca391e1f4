"""`smalti sample`."""

import json

import pytest

from smalti import answering
from smalti.cli import run


@pytest.fixture(scope="module")
def model(text_runs):
    return str(text_runs["next-token"][1].run)


def test_a_text_goes_on_from_its_prompt(model, capsys):
    assert run(["sample", model, "--prompt", "the cat", "--max-tokens", "20", "--seed", "1"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("the cat")
    assert len(told) == len("the cat") + 20 + 1
    assert run(["sample", model, "--prompt", "the cat", "--max-tokens", "20", "--seed", "1"]) == 0
    assert capsys.readouterr().out == told


def test_several_texts_as_json(model, capsys):
    assert run(["sample", model, "--prompt", "a", "-n", "3", "--max-tokens", "5", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["prompt"] for row in rows] == ["a"] * 3
    assert all(len(row["text"]) == 5 for row in rows)


def test_to_a_file(model, tmp_path, capsys):
    out = tmp_path / "story.txt"
    assert run(["sample", model, "-n", "2", "--max-tokens", "5", "--out", str(out)]) == 0
    assert capsys.readouterr().out == ""
    assert out.read_text().count("----------------") == 1


def test_until_a_text(model, capsys):
    assert run(["sample", model, "--prompt", "the", "--stop", ".", "--max-tokens", "300"]) == 0
    assert "." not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--temperature", "-1"], "temperature"),
        (["--top-k", "0"], "top_k"),
        (["--max-tokens", "0"], "max_tokens"),
        (["-n", "0"], "-n 0"),
        (["--prompt", "€"], "€"),
    ],
)
def test_what_cannot_be_is_one_line(model, capsys, words, told):
    assert run(["sample", model, *words]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert told in error
    assert error.count("\n") == 1


def test_a_place_that_is_none_is_refused_before_anything_is_written(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(answering, "sample", lambda *_, **__: pytest.fail("it writes"))
    assert run(["sample", model, "--out", str(tmp_path)]) == 74
    assert "could not be written" in capsys.readouterr().err

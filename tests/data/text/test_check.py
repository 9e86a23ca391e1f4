"""What the check says of texts."""

import json

from tests.text_runs import label_file, pair_file, text_file

from smalti.cli import run
from smalti.data.text.check import check_text


def test_running_text(tmp_path):
    found = check_text(text_file(tmp_path))
    assert (found.task, found.n, found.unit) == ("next-token", 4600, "characters")
    assert "15 kinds, 100 lines" in dict(found.facts)["text"]


def test_pairs_and_labelled_texts(tmp_path):
    pairs, labelled = check_text(pair_file(tmp_path)), check_text(label_file(tmp_path))
    assert (pairs.task, pairs.n) == ("seq2seq", 300)
    assert labelled.to_dict() == {"n": 120, "classes": {"A": 60, "B": 60}, "problems": [], "trainable": True}


def test_the_command(tmp_path, capsys):
    assert run(["check", str(text_file(tmp_path))]) == 0
    assert "the next character" in capsys.readouterr().out
    assert run(["check", str(label_file(tmp_path)), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == {"A": 60, "B": 60}
    (tmp_path / "wrong.txt").write_bytes(b"a" * 200 + b"\xff")
    assert run(["check", str(tmp_path / "wrong.txt")]) == 2
    assert "byte 200" in capsys.readouterr().err

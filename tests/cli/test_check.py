import json
from types import SimpleNamespace
from typing import Any

import pytest

from smalti import api
from smalti.cli import run
from smalti.errors import InputError


@pytest.mark.parametrize(("trainable", "code"), [(True, 0), (False, 2)])
def test_the_exit_code_says_whether_training_should_start(
    trainable: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made: dict[str, Any] = {}

    def check(data: str, **given: Any) -> SimpleNamespace:
        made.update(data=data, **given)
        return SimpleNamespace(trainable=trainable, to_dict=lambda: {"n": 3, "trainable": trainable})

    monkeypatch.setattr(api, "check", check)
    assert run(["check", "digits", "--task", "classify", "--column", "label=dx", "--json"]) == code
    assert made == {"data": "digits", "task": "classify", "columns": {"label": "dx"}, "download": False}
    assert json.loads(capsys.readouterr().out) == {"n": 3, "trainable": trainable}


def test_a_mistyped_task_is_refused():
    with pytest.raises(InputError, match='did you mean "multilabel"'):
        api.check("digits", task="multi-label")  # type: ignore[arg-type]


def test_real_data_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]):
    assert run(["check", "digits"]) == 0
    assert "1,797" in capsys.readouterr().out
    assert run(["check", "digits", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 1797
    assert len(found["classes"]) == 10
    assert found["trainable"] is True
    assert isinstance(found["problems"], list)

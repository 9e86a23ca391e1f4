"""The studies of benchmarks/: minutes become steps, and what is done is not done again."""

import importlib.util
import json
import runpy
import sys
from functools import partial
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


SCRIPTS = sorted(path.relative_to(BENCHMARKS).as_posix() for path in BENCHMARKS.rglob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_script_imports_is_there(script: str, monkeypatch: pytest.MonkeyPatch):
    """Measured rarely, so nobody would see that a name of the package has changed."""
    path = BENCHMARKS / script
    monkeypatch.syspath_prepend(str(path.parent))
    known = set(sys.modules)
    try:
        runpy.run_path(str(path), run_name="read")
    finally:
        for one in path.parent.glob("*.py"):  # such plain names must not stay
            if one.stem not in known:
                sys.modules.pop(one.stem, None)


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("study", BENCHMARKS / "study.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["study"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["study"]


@pytest.fixture
def made(study, tmp_path):
    """A study of two arms whose paces are known: 10 ms of the CNN, 20 of the student, 30 of the taught one."""
    plain = study.preset_arm("vit_nano_patch2_8:depth=1")
    arms = [study.CNN, plain, study.distilled(plain)]
    path = tmp_path / "record.json"
    paces = dict(zip((arm.title for arm in arms), (0.01, 0.02, 0.03), strict=True))
    path.write_text(json.dumps({"about": {"minutes": 1.0}, "pace": {"digits": paces}, "rows": []}))
    return lambda: study.Study(path, 1.0, [study.Case("digits", "digits", 8, 0.5)], arms)


def test_minutes_are_steps_and_a_teacher_is_paid_for(study, made):
    told = made()
    steps = [told.steps(told.cases[0], arm) for arm in told.arms]
    assert steps == [(0, 6000), (0, 3000), (1800, 1400)]  # 60 s; of the last 18 s teach
    with pytest.raises(SystemExit, match=r"no pace of .*run with --pace first"):
        told.steps(told.cases[0], study.preset_arm("vit_nano_patch4_8"))


def test_a_finished_row_is_not_run_again(study, made, monkeypatch):
    asked = []

    def instead(work, data, options, stop):
        assert (work, data) == (study.train_once, "digits")
        if len(asked) == stop:
            raise KeyboardInterrupt
        asked.append(options)
        return {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "seconds": 1.0}

    monkeypatch.setattr(study, "in_fresh_process", partial(instead, stop=4))
    with pytest.raises(KeyboardInterrupt):
        made().run([0, 1])
    assert len(made().record["rows"]) == 4
    monkeypatch.setattr(study, "in_fresh_process", partial(instead, stop=None))
    made().run([0, 1])
    assert len(asked) == 6
    rows = made().record["rows"]
    assert [(row["arm"], row["seed"]) for row in rows] == [(arm.title, seed) for seed in (0, 1) for arm in made().arms]
    taught = rows[2]["options"]
    assert (taught["teacher"], taught["steps"], taught["fraction"]) == ("auto", 3200, 0.5)
    assert round(taught["steps"] * taught["overrides"]["teacher.budget_share"]) == rows[2]["teacher_steps"] == 1800
    assert taught["overrides"]["model.options.depth"] == "1"
    assert "teacher" not in rows[1]["options"]
    assert made().table().splitlines()[2] == "| cnn | 50.0 % ± 0.0 (2 seeds) |"


def test_equal_steps_need_no_pace_and_a_record_holds_runs_of_one_length(study, made, tmp_path):
    told = study.Study(tmp_path / "equal.json", 0, [study.Case("digits", "digits", 8)], [study.CNN], equal=60)
    assert told.steps(told.cases[0], study.CNN) == (0, 60)
    told.keep()
    with pytest.raises(SystemExit, match="holds runs of 60 steps"):
        study.Study(told.path, 0, told.cases, told.arms, equal=61)
    with pytest.raises(SystemExit, match="holds runs of 1 minutes"):
        study.Study(made().path, 2.0, told.cases, told.arms)


def test_a_case_has_options_for_every_arm(study):
    case = study.Case("signs", "signs.zip", 32, options={"start": "M"})
    arm = study.Arm("bf16", {"overrides": {"loop.precision": "bf16"}})
    assert arm.on(case) == {"start": "M", "fraction": 1.0, "overrides": {"loop.precision": "bf16"}}


def test_a_pace_and_a_row_of_a_real_run(study):
    case, small = study.Case("digits", "digits", 8, 0.2), {"model.options.depth": 1, "augment.flip": "none"}
    arm = study.distilled(study.Arm("small", {"model": "vit_nano_patch2_8", "overrides": small}))
    assert 0 < study.seconds_a_step(case, arm, minutes=0.1, steps=3) < 10
    options = {**arm.on(case), "steps": 4, "teacher": "auto", "seed": 0}
    row = study.train_once(case.data, options)
    assert row["n"] == 179
    assert 0 <= row["teacher_val_accuracy"] <= 1
    assert row["curve"][-1][0] <= 4

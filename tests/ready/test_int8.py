"""A model in int8 keeps its answers, or is refused."""

from pathlib import Path

import pytest
import torch
from tests.ready.small import pixels

from smalti.errors import InputError
from smalti.nn._onednn import int8_available
from smalti.nn.int8 import Int8Linear
from smalti.ready import load
from smalti.ready.int8 import AGREEMENTS, sampled

INT8 = pytest.mark.skipif(not int8_available(), reason="this CPU or torch has no int8 kernels")


@INT8
def test_int8_is_calibrated_on_pictures_and_keeps_their_answers(stored: Path):
    pictures = [pixels(i) for i in range(20)]
    exact, found = load(stored, precision="fp32"), load(stored, int8=pictures)
    assert any(isinstance(part, Int8Linear) for part in found.module.modules())
    for one, other in zip(exact.predict(pictures), found.predict(pictures), strict=True):
        assert one.probability == pytest.approx(other.probability, abs=0.05)


@INT8
@pytest.mark.parametrize(("kept", "said"), [(0.95, "95.0%"), (-3.2, "0.0%")])  # of numbers it may be below nothing
def test_int8_that_changes_answers_is_refused(kept: float, said: str, stored: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(AGREEMENTS, "classify", lambda exact, found: kept)
    with pytest.raises(InputError, match=rf"int8 keeps {said} of the answers to 20 pictures, fewer than 98%"):
        load(stored, int8=[pixels(i) for i in range(20)])


def test_a_picture_to_calibrate_on_that_cannot_be_read_is_named(stored: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere\.png: cannot be read"):
        load(stored, int8="nowhere.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match=r"empty\.png: .*zero bytes"):
        load(stored, int8=[pixels(), tmp_path / "empty.png"])


def test_too_few_pictures_to_calibrate_on_are_refused(stored: Path):
    with pytest.raises(InputError, match="16 pictures or more, not 3"):
        load(stored, int8=[pixels(i) for i in range(3)])
    with pytest.raises(InputError, match="exclude each other"):
        load(stored, precision="bf16", int8=[pixels()])


def test_pictures_to_calibrate_on_are_of_all_classes(tmp_path: Path):
    for name in ("cat", "dog", "owl"):
        (tmp_path / name).mkdir()
        for i in range(100):
            (tmp_path / name / f"{i}.jpg").touch()
    names = [Path(name).parent.name for name, _ in sampled(tmp_path)]
    assert len(names) == 64
    assert all(names.count(kind) > 20 for kind in ("cat", "dog", "owl"))
    assert [name for name, _ in sampled([pixels()] * 20)] == [f"array {i}" for i in range(20)]
    assert sampled([]) == []


def test_an_iterator_is_asked_for_no_more_pictures_than_are_calibrated_on():
    pictures = (pixels() for _ in range(70))
    assert len(sampled(pictures)) == 64
    assert len(list(pictures)) == 6


@pytest.mark.parametrize("task", ["classify", "multilabel", "regress"])
def test_agreement_is_one_for_equal_answers_and_falls(task: str):
    answers = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    assert AGREEMENTS[task](answers, answers) == 1
    assert AGREEMENTS[task](answers, answers.roll(1, 0)) < 0.7

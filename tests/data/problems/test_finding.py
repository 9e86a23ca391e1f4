"""All problems together: counted, in order, each with its mend."""

from dataclasses import replace

import numpy as np
from tests.data.problems.looking import TEST, TRAIN, kinds, look, noise, only, source_of

from smalti.data.check import check
from smalti.data.problems import finding
from smalti.data.problems.finding import KINDS
from smalti.data.source import Problem


def test_what_the_layout_shows_is_among_the_problems():
    source = replace(source_of(noise(6)), problems=(Problem("left_out", "", "3 pictures", "call them", count=3),))
    assert kinds(check(source)) == ["left_out"]


def test_thousands_of_problems_stay_countable(monkeypatch):
    monkeypatch.setattr(finding, "_LISTED", 5)
    found = look([*noise(8), *[b""] * 20])
    assert kinds(found) == ["unreadable"] * 5
    assert found.omitted == {"unreadable": 15}
    pictures = noise(30)
    found = look(pictures[:1] * 30, labels=("a",), targets=np.zeros(30, int))
    assert only(found, "duplicate").count == 30
    assert len(only(found, "duplicate").others) == 20


def test_fatal_ones_come_first_and_every_problem_has_a_mend():
    pictures = [*noise(20), b"", *noise(1, 8, 8, 3)]
    pictures[3], pictures[15] = pictures[1], pictures[2]
    found = look(pictures, splits=[TRAIN] * 12 + [TEST] * 10)
    fatal = [problem.fatal for problem in found.problems]
    assert fatal == sorted(fatal, reverse=True)
    assert any(fatal)
    assert not all(fatal)
    assert all(problem.mend and problem.cause and problem.kind in KINDS for problem in found.problems)

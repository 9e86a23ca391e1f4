import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from tests.data.problems.looking import Memory

from smalti.data.check import Check, Problem, check
from smalti.data.check_table import check_table
from smalti.data.source import UNASSIGNED, Source


def look(n=40, labels=("a", "b"), names=None, splits=None, name="set", **changes) -> Check:
    pictures = list(np.random.default_rng(0).integers(0, 256, (n, 8, 8), np.uint8))
    targets = np.arange(n) % len(labels)
    splits = np.full(n, UNASSIGNED, np.int8) if splits is None else np.asarray(splits, np.int8)
    source = Source(
        name, "classify", labels, names or [f"{i}.png" for i in range(n)], targets, splits, Memory(pictures)
    )
    return replace(check(source, cached=False), **changes)


def shown(found: Check, width=80) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None, legacy_windows=False)
    console.print(check_table(found))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path))


def test_says_what_is_there():
    text = shown(look(splits=[0] * 30 + [2] * 10))
    for words in ("40", "2 classes", "train 30 · test 10", "8 x 8 pixels", "grey, 1 channel", "Ready to train"):
        assert words in text
    assert "train  test" in text


def test_one_class_is_no_plural():
    assert "1 class, one class a picture" in shown(look(labels=("a",)))


def test_fits_80_columns_and_narrower():
    labels = tuple(f"a class with a rather long name, number {k}" for k in range(50))
    long = Problem("leak", "train/" + "x" * 300 + ".png", "the same picture is in test " * 9, "remove it " * 20, True)
    found = look(100, labels, splits=[0] * 50 + [2] * 50, problems=(long,))
    for width in (80, 60):
        assert max(map(len, shown(found, width).splitlines())) <= width


def test_only_the_largest_classes_have_a_row():
    text = shown(look(100, tuple(f"c{k:02d}" for k in range(43))))
    assert "c11" in text
    assert "c12" not in text
    assert "... 31 more" in text


def test_many_problems_are_a_few_lines():
    many = tuple(
        Problem("duplicate", f"{i}.png", "the same picture as x.png", "remove the copies") for i in range(1000)
    )
    text = shown(look(problems=many, omitted={"duplicate": 4000}))
    assert len(text.splitlines()) < 25
    assert "5,000" in text
    assert "... 4,997 more" in text
    assert text.count("remove the copies") == 1


def test_the_verdict_names_what_is_fatal():
    text = shown(look(problems=(Problem("one_class", "", "there is only one class", "add another", True),)))
    assert "Not ready to train" in text
    assert "one class" in text
    assert "add another" in text


def test_hostile_names_are_one_harmless_line():
    evil = "[red]x[/red]\x1b[2J\n[link=http://x]y"
    found = look(labels=(evil, "b"), name=evil, problems=(Problem("note", evil, evil, evil),))
    text = shown(found)
    assert "\x1b" not in text
    assert text.count("[red]x[/red]\\x1b[2J\\n") >= 4

"""A finished run, and a ground for each case."""

from pathlib import Path

import pytest
from tests.bad_input.ground import TINY, Ground

from smalti.cli import run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two steps, with its data beside it."""
    place = tmp_path_factory.mktemp("finished")
    patch = pytest.MonkeyPatch()
    patch.chdir(place)
    patch.setenv("SMALTI_CACHE", str(place / "cache"))
    Ground(place, patch).classes(n=10)
    assert run(["train", "d", *TINY]) == 0
    patch.undo()
    return place / "out"


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Path) -> Ground:
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SMALTI_DATA", str(tmp_path / "none"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return Ground(finished, monkeypatch)

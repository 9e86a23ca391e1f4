"""What tests of the rule need around it."""

from types import SimpleNamespace

import pytest

from smalti.recipes.mirror import MirrorTest
from smalti.recipes.pace import Pace


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured for the rule, which takes most of its time: a pace is known, and mirroring does no harm."""
    monkeypatch.setattr("smalti.recipes.choose.measure_pace", lambda *_, **__: Pace(1000.0, 3000.0))
    monkeypatch.setattr("smalti.recipes.choose_variation.mirror_test", lambda *_, **__: MirrorTest(100, 0.5, 0, 0))


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the time is for the clock of a run; nothing but a test moves it."""
    moment = [0.0]
    monkeypatch.setattr("smalti.recipes.clock.time", SimpleNamespace(monotonic=lambda: moment[0]))
    return moment

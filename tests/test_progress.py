import os
import re
import select
import subprocess
import sys
import threading
import time

import pytest

from smalti import progress as module
from smalti.progress import TrainingBar, progress, progress_callback


class Clock:
    """Time that passes when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_without_a_terminal_a_plain_line_every_ten_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]):
    with progress(1200, "reading pictures") as advance:
        for _ in range(1200):
            clock.now += 0.03125
            advance(1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "reading pictures  320/1,200  0:28 left\n"
        "reading pictures  640/1,200  0:18 left\n"
        "reading pictures  960/1,200  0:08 left\n"
    )


def test_work_of_unknown_size_is_counted_without_a_time(clock: Clock, capsys: pytest.CaptureFixture[str]):
    with progress(None, "reading") as advance:
        clock.now += 11
        advance(7)
    assert capsys.readouterr().err == "reading  7\n"


def test_work_that_reports_its_size_on_the_way(clock: Clock, capsys: pytest.CaptureFixture[str]):
    with progress_callback("reading") as report:
        clock.now += 20
        report(100, 400)
    assert capsys.readouterr().err == "reading  100/400  1:00 left\n"


def test_short_work_says_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]):
    with progress(10, "reading") as advance:
        clock.now += 9.9
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_not_shown_is_silent(clock: Clock, capsys: pytest.CaptureFixture[str]):
    with progress(10, "reading", show=False) as advance, TrainingBar(5, show=False) as bar:
        clock.now += 60
        advance(5)
        bar.update(1, loss=1.0)
        bar.note("kept")
    assert capsys.readouterr() == ("", "")


def test_the_line_of_a_training_run(clock: Clock, capsys: pytest.CaptureFixture[str]):
    with TrainingBar(2000) as bar:
        clock.now += 100
        bar.update(200, loss=1.23456, accuracy=0.875, images_per_second=1234.5)
        clock.now += 100
        bar.update(400, loss=1.1, seconds_left=7325)
        clock.now += 100
        bar.update(500, loss=1.0, total=1000)
        bar.note("epoch 3: validation accuracy 91.2 %")
    assert capsys.readouterr().err.splitlines() == [
        "training  200/2,000  loss 1.235  accuracy 87.5 %  1,234 images/s  15:00 left",
        "training  400/2,000  loss 1.1  2:02:05 left",
        "training  500/1,000  loss 1  5:00 left",
        "epoch 3: validation accuracy 91.2 %",
    ]


def test_a_resumed_run_counts_its_own_speed(clock: Clock, capsys: pytest.CaptureFixture[str]):
    with TrainingBar(1000, start=900) as bar:
        clock.now += 50
        bar.update(950, loss=1.0)
    assert capsys.readouterr().err == "training  950/1,000  loss 1  0:50 left\n"


def test_nothing_runs_beside_the_caller():
    before = threading.active_count()
    with progress(10, "reading") as advance:
        advance(1)
        assert threading.active_count() == before


TERMINAL = """
import sys, time, threading
from smalti.progress import TrainingBar
with TrainingBar(20) as bar:
    assert threading.active_count() == 1
    for step in range(1, 21):
        time.sleep(0.03)
        bar.update(step, loss=0.5, accuracy=0.25, images_per_second=99)
        if step == 10:
            bar.note("[half] way")
            print("result")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_on_a_terminal_one_live_line_that_leaves_only_the_notes():
    main, terminal = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.Popen([sys.executable, "-c", TERMINAL], stdout=subprocess.PIPE, stderr=terminal, env=environment)
    os.close(terminal)
    shown, until = b"", time.monotonic() + 30
    while time.monotonic() < until:
        if select.select([main], [], [], 0.1)[0]:
            try:
                shown += os.read(main, 65536)
            except OSError:  # the other end is closed
                break
        elif child.poll() is not None:
            break
    os.close(main)
    out, _ = child.communicate(timeout=30)
    text = shown.decode()
    assert child.returncode == 0, text
    assert out == b"result\n"
    assert "loss 0.5" in text
    assert "accuracy 25.0 %" in text
    assert "[half] way" in text
    assert len(re.findall("training", text)) > 3
    assert text.rstrip().endswith("\x1b[2K")  # the line is wiped at the end

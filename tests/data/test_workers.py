import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from tests.data.held import RULE, STREAM, Memory, source

from smalti.data.batches import Batches
from smalti.data.pictures import Pictures
from smalti.data.workers import by_workers
from smalti.errors import SmaltiError


class Dying(Memory):
    def read(self, index):
        if index == 11:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(index)


@pytest.mark.skipif(os.name != "posix", reason="signals")
# torch raises out of a signal handler, wherever this process is: where a socket or the iterator is being closed too
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed <socket")
def test_a_worker_that_dies_is_said_so():
    data = source()
    object.__setattr__(data, "storage", Dying(data.storage.raws))
    pictures = Pictures(data, RULE, memory_limit=STREAM, workers=1)
    handlers = []

    def read() -> None:
        try:
            list(Batches(pictures, np.arange(37), batch_size=5).epoch(0))
        finally:  # the signal may come after the broken pipe: not into what looks at the error
            handlers.append(signal.signal(signal.SIGCHLD, signal.SIG_DFL))

    try:
        with pytest.raises(SmaltiError, match=r"a process that reads pictures died.*--workers 0"):
            read()
    finally:
        signal.signal(signal.SIGCHLD, *handlers)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("background", [False, True])
def test_leaving_a_stream_early_ends_its_workers(workers, background):
    def started():
        return set(multiprocessing.active_children()) - before

    before = set(multiprocessing.active_children())
    pictures = Pictures(source(), RULE, memory_limit=STREAM, workers=workers)
    iterator = Batches(pictures, np.arange(37), batch_size=2, background=background).epoch(0)
    next(iterator)
    assert len(started()) == workers
    iterator.close()
    del iterator
    deadline = time.perf_counter() + 10
    while started() and time.perf_counter() < deadline:
        time.sleep(0.02)
    assert not started()


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background of a shell are born deaf to it
sys.path.insert(0, {here!r})
from smalti.data.batches import Batches
from smalti.data.pictures import Pictures
from tests.data.held import *

class Slow(Memory):
    def read(self, index):
        time.sleep(0.02)
        return super().read(index)

data = source()
object.__setattr__(data, "storage", Slow(data.storage.raws * 20))
object.__setattr__(data, "names", [str(i) for i in range(740)])
object.__setattr__(data, "targets", np.zeros(740, int))
pictures = Pictures(data, RULE, memory_limit={limit}, workers={workers})
batches = Batches(pictures, np.arange(740), batch_size=4, background={background})
print("ready", flush=True)
try:
    for batch in batches.epoch(0):
        pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
    {after}
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("limit", "workers", "background"), [("None", 2, False), ("0", 2, False), ("0", 2, True)])
def test_ctrl_c_ends_it_at_once_and_quietly(limit, workers, background):
    script = INTERRUPTED.format(
        here=str(Path(__file__).parents[2]), limit=limit, workers=workers, background=background, after="pass"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group, workers included
    out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("interrupted\n", "", 0)


TOLD_TO_STOP = """
import os, signal, sys
sys.path.insert(0, {here!r})
from smalti.data.workers import by_workers
from smalti.train.signals import StopRequest

with StopRequest() as stop:
    numbers = by_workers(2, abs, range(40), int)
    first = [next(numbers), next(numbers)]  # one of each
    os.killpg(0, signal.SIGTERM)
    print(bool(stop), first + list(numbers) == list(range(40)))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_workers_go_on_where_a_whole_job_is_told_to_stop():
    """By `timeout`, systemd or Slurm: the training process ends its step first, and may need them for it."""
    script = TOLD_TO_STOP.format(here=str(Path(__file__).parents[2]))
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, start_new_session=True, timeout=60
    )
    assert (process.stdout, process.stderr) == ("True True\n", "")


def stuck(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_a_worker_that_is_stuck_is_ended(monkeypatch):
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.1)  # the time it gets to end by itself
    before = set(multiprocessing.active_children())
    results = by_workers(1, stuck, [0.0, 60.0], float)
    next(results)
    (worker,) = set(multiprocessing.active_children()) - before
    results.close()
    worker.join(10)
    left = worker.is_alive()
    worker.kill()
    assert not left

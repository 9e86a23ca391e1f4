"""Stopped, killed, and out of the way: nothing is lost, and the next run goes on."""

import hashlib
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save
from tests.bad_input.ground import Ground, picture, posix, train

from smalti.cli import run
from smalti.train import loop
from smalti.train.state import TrainState

pytestmark = posix


def stop_at(patch: pytest.MonkeyPatch, step: int, number: int) -> None:
    """Sends this process a signal in the middle of a training step."""
    real = loop.train_step

    def train_step(state: TrainState, *args: Any) -> Any:
        if state.step == step:
            os.kill(os.getpid(), number)
        return real(state, *args)

    patch.setattr(loop, "train_step", train_step)


SIX = shlex.split(
    "--model cct_nano_patch2_8 --epochs 6 --device cpu --set optim.lr=0.01 --set loop.batch_size=4 "
    "--set model.options.depth=2 --set augment.flip=none --out"
)


def learned(folder: str) -> tuple[str, list[str]]:
    """What must be equal between a run that was stopped and one that was not: a digest of the weights, and metrics."""
    with safe_open(f"{folder}/checkpoints/last.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    return hashlib.sha256(save(tensors)).hexdigest(), Path(folder, "metrics.jsonl").read_text().splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_run_says_how_to_go_on_and_does(
    ground: Ground, number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    ground.classes(n=10)
    assert run(["train", "d", *SIX, "whole"]) == 0
    with monkeypatch.context() as patch:
        stop_at(patch, 7, number)
        capsys.readouterr()
        assert run(["train", "d", *SIX, "a run's"]) == 75
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == "stopped: a run's: stopped at step 8; everything is saved; smalti train --resume 'a run'\"'\"'s'"
    assert run(shlex.split(line.rsplit("; ", 1)[1])[1:]) == 0
    assert learned("a run's") == learned("whole")


KILLED = """
import os, signal, sys
from pathlib import Path
from smalti import files
from smalti.recipes import run  # once for all children, of which each is a process of its own
from smalti.train import loop
from smalti.cli import main
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
def begin(where, step):
    if where == "step":
        real_step = loop.train_step
        def train_step(state, *args):
            if state.step == step: kill()
            return real_step(state, *args)
        loop.train_step = train_step
    else:
        real, seen = os.replace, 0
        def replace(source, target):
            nonlocal seen
            if Path(target).name == "last.safetensors":
                seen += 1
                if seen == step:
                    where == "renamed" and real(source, target)
                    kill()
            real(source, target)
        os.replace = replace
    sys.argv.append(f"{where}-{step}")
    main()
moments = sys.argv.pop(1).split()
for moment in moments:
    child = os.fork()
    if not child:
        where, step = moment.split("-")
        begin(where, int(step))
    print(moment, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=sys.stderr, flush=True)
"""


def test_a_killed_run_goes_on_from_its_last_checkpoint_whenever_it_was_killed(ground: Ground):
    ground.classes(n=10)
    assert run(["train", "d", *SIX, "whole"]) == 0
    moments = ["step-2", "step-9", "written-2", "renamed-2"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, " ".join(moments), "train", "d", *SIX],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        timeout=300,
    )
    for folder in moments:
        assert f"{folder} -{signal.SIGKILL:d}\n" in done.stderr
        assert not Path(folder, "model.safetensors").exists()
        assert run(["train", "--resume", folder]) == 0
        assert learned(folder) == learned("whole"), folder


def test_a_reader_that_goes_away_is_no_error(ground: Ground):
    ground.model()
    for i in range(40):
        ground.write(f"p/{i}.png", picture(i))
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        command = [sys.executable, "-m", "smalti", "predict", "m.safetensors", "p", "--json"]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, timeout=300)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_run_that_saved_nothing_gives_way_to_the_next(ground: Ground):
    """The name of a folder is not spent by a mistake that shows only when pictures are read."""
    ground.classes(n=10)
    four = [f"preprocess.{name}=[0.5, 0.5, 0.5, 0.5]" for name in ("mean", "std")]
    wrong = [*train(), "--set", "preprocess.in_chans=4", *(part for one in four for part in ("--set", one))]
    assert run(wrong) == 2
    assert Path("out/run.toml").exists()
    assert run(train()) == 0
    assert run(train()) == 2

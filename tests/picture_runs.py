"""Short runs on pictures through the command line, and what is read from their folders."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from smalti.cli import run

SMALL = "--model cct_nano_patch2_8 --set model.options.depth=2 --set optim.lr=0.02"
PLAIN = "--device cpu --set loop.batch_size=32 --set augment.flip=none --set views.shift=0"  # the rest takes time
QUICK = f"{SMALL} {PLAIN}"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What checks and features keep, for all runs of a session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMALTI_CACHE", str(cache))
    return tmp_path


def smalti_(line: str) -> int:
    """The exit code of a command line."""
    return run(shlex.split(line))


def tensors(folder: str, name: str = "model.safetensors") -> dict[str, torch.Tensor]:
    """The weights in a file of a run folder."""
    return load_file(Path(folder, name))


def same_weights(one: str, other: str, name: str = "model.safetensors") -> bool:
    """Whether a file of two run folders has the same weights, bit for bit."""
    a, b = tensors(one, name), tensors(other, name)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def rows(folder: str) -> list[dict[str, float]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in Path(folder, "metrics.jsonl").read_text().splitlines()]


def result(folder: str) -> dict[str, Any]:
    """What result.json says."""
    return json.loads(Path(folder, "result.json").read_text())

"""Small data sets of text, and a short run on each."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import smalti
from smalti.train.loop import Stopped, fit

SMALL = {"embed_dim": 16, "depth": 1, "num_heads": 2}
TINY = {f"model.options.{name}": value for name, value in SMALL.items()}
LINES = "the cat sat on the mat. a dog ran to the man.\n"


def text_file(folder: Path) -> Path:
    """A text of 4,600 characters that anyone can learn."""
    path = folder / "cats.txt"
    path.write_text(LINES * 100)
    return path


def pair_file(folder: Path) -> Path:
    """A hundred numbers and their words read backwards."""
    path = folder / "pairs.csv"
    with path.open("w", newline="") as file:
        rows = [("source", "target"), *((str(i), str(i)[::-1]) for i in range(100, 400))]
        csv.writer(file).writerows(rows)
    return path


def label_file(folder: Path) -> Path:
    """Texts of one letter, and which."""
    path = folder / "labels.csv"
    with path.open("w", newline="") as file:
        rows = [("text", "label"), *(("ab"[i % 2] * (2 + i // 2), "AB"[i % 2]) for i in range(120))]
        csv.writer(file).writerows(rows)
    return path


FILES = {"next-token": text_file, "masked-token": text_file, "seq2seq": pair_file, "classify": label_file}


@pytest.fixture(scope="session")
def text_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A short run of each task: (data, result)."""
    runs = {}
    for task, file in FILES.items():
        folder = tmp_path_factory.mktemp(task)
        data = file(folder)
        asked = "masked-token" if task == "masked-token" else None  # the others are found from the data
        result = smalti.train(data, task=asked, steps=60, out=folder / "run", overrides=TINY, show=False)
        runs[task] = (data, result)
    return runs


def stopping_at(step: int) -> Callable[..., Any]:
    """In place of the loop's `fit`: it saves behind that step, and is stopped."""

    def cut(*args, listener, **kwargs):
        tell = listener.on_step

        def on_step(state, progress, values):
            tell(state, progress, values)
            if state.step == step:
                listener.save(state)
                raise Stopped

        listener.on_step = on_step
        return fit(*args, listener=listener, **kwargs)

    return cut

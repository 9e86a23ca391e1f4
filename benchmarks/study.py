"""What the studies of this folder share: arms, minutes as steps, and rows that are kept as they come.

A run of so many minutes depends on what else the machine does meanwhile. So a study has two parts. `--pace` measures,
on a machine that does nothing else, how long a training step of each arm takes: making the batch, the model, the
teacher's answers where there is one, the optimiser. The runs then have

    steps = minutes * 60 / seconds a step

and are the same whatever runs beside them, and wherever: the pace is that of the CPU, the steps may be done on a GPU.
Where an arm trains its own teacher, a share of the minutes are steps of the teacher at its pace, the rest are steps of
the student at its own. Outside of these minutes are, for all arms alike,
opening and evaluating (validation is a twentieth of the work, by the rule), and the learning-rate test of models whose
rate was not measured: 60 steps. A start model comes for free: it was there before.

A study of `equal` steps needs no pace: every arm does as many.

The record is one JSON file: "about", "pace" (seconds a step) and "rows". A row that is there is not run again.
"""

import datetime
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

import smalti
from smalti.files import write_durably
from smalti.modelfile import read_model
from smalti.nn.device import describe_device
from smalti.recipes.asked import ask
from smalti.recipes.assemble import make_batches, make_model, make_objective, make_pictures, open_data
from smalti.recipes.choose import choose
from smalti.recipes.given import Given
from smalti.train.budget import Budget
from smalti.train.checkpoint import load_checkpoint
from smalti.train.folder import RunFolder
from smalti.train.loop import train_step
from smalti.train.optim import build_optimizers
from smalti.train.state import TrainState

WARM = 5  # steps that do not count for the pace


@dataclass(frozen=True)
class Case:
    """What is learned.

    Args:
        title: in the record and in tables.
        data: where the set is.
        img_size: of every arm but one that begins with a model: that one keeps its own.
        fraction: of the training pictures.
        options: of `smalti.train`, for every arm.
    """

    title: str
    data: str
    img_size: int
    fraction: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Arm:
    """Who learns.

    Args:
        title: in the record and in tables.
        options: of `smalti.train`.
        taught: share of the minutes for a teacher that is trained first; 0 for none.
    """

    title: str
    options: dict[str, Any] = field(default_factory=dict)
    taught: float = 0.0

    def on(self, case: Case) -> dict[str, Any]:
        """All options on that set."""
        options = {**case.options, **self.options}
        size = {} if "start" in options else {"preprocess.img_size": case.img_size}
        return {**options, "fraction": case.fraction, "overrides": {**options.get("overrides", {}), **size}}


CNN = Arm(  # trained as the teacher of `--teacher auto` is
    "cnn",
    {
        "model": "cnn_small_32",
        "overrides": {"optim.name": "muon", "optim.lr": 2e-3, "optim.ns_steps": 3},
    },
)


def preset_arm(text: str) -> Arm:
    """An arm of a preset, and fields of its config behind a colon: "vit_mini_patch4_32", or
    "deit_tiny_distilled_patch16_224:patch_size=4,embed_dim=128,depth=4,num_heads=4".
    """
    preset, _, fields = text.partition(":")
    options = dict(one.split("=", 1) for one in fields.split(",") if one)
    overrides = {f"model.options.{name}": value for name, value in options.items()}
    return Arm(text, {"model": preset, "overrides": overrides})


def distilled(arm: Arm, share: float = 0.3) -> Arm:
    """The same with a teacher of its own."""
    return Arm(f"{arm.title}, teacher {share:.0%}", arm.options, taught=share)


def seconds_a_step(case: Case, arm: Arm, minutes: float, steps: int) -> float:
    """The median time of a training step, its batch included, of the recipe that so many minutes would get."""
    options = arm.on(case)
    with tempfile.TemporaryDirectory() as folder:
        if arm.taught:
            first = smalti.train(case.data, steps=1, out=Path(folder) / "teacher", show=False, **CNN.on(case))
            options["teacher"], minutes = first.model, minutes * (1 - arm.taught)
        settings = ask({}, **{"overrides": None, **options, "minutes": minutes}).settings
        source, found, parts = open_data(
            case.data,
            task=None,
            seed=0,
            fraction=case.fraction,
            bad_images="stop",
            leaks="stop",
            download=False,
            show=False,
        )
        start = read_model(options["start"]) if "start" in options else None
        place = torch.device("cpu")
        given = Given(source, found, parts, Budget(minutes=minutes), minutes * 60, place, settings, start=start)
        recipe = choose(given).recipe.with_settings(settings)
        model = make_model(recipe, source)
        objective = make_objective(recipe, source, parts, model)
    state = TrainState(model, build_optimizers(model, recipe.optim))
    pictures = make_pictures(recipe, source, None, show=False)
    pictures.load(np.concatenate([parts.train, parts.val]))
    batches = make_batches(recipe, pictures, parts, place)
    marks = [time.perf_counter()]
    for batch in islice((batch for epoch in count() for batch in batches.epoch(epoch)), WARM + steps):
        train_step(state, batch, objective, recipe.loop, recipe.optim.grad_clip)
        marks.append(time.perf_counter())
    return float(np.median(np.diff(marks)[WARM:]))


def train_once(data: str, options: dict[str, Any]) -> dict[str, Any]:
    """A whole run, and the figures of its row."""
    with tempfile.TemporaryDirectory() as place:
        result = smalti.train(data, out=Path(place) / "run", show=False, report=False, **options)
        row = {**result.metrics["accuracy"].to_dict(), "seconds": round(result.seconds, 1)}
        judged = (one for one in load_checkpoint(RunFolder(result.run).last)["rows"] if "val_accuracy" in one)
        row["curve"] = [(one["step"], one["val_accuracy"], one["val_loss"]) for one in judged]
        teacher = RunFolder(result.run).teacher
        if teacher.best.exists():
            step, rows = load_checkpoint(teacher.best)["step"], load_checkpoint(teacher.last)["rows"]
            row["teacher_val_accuracy"] = next(
                one["val_accuracy"] for one in rows if one["step"] == step and "val_accuracy" in one
            )
        return row


def in_fresh_process(work: Callable[..., Any], *args: Any) -> Any:
    """What `work` gives, with nothing left over from the last."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


class Study:
    """Arms on cases over seeds: the record, what is missing, the table.

    Args:
        path: of the record.
        minutes: a run.
        cases: what is learned.
        arms: who learns.
        equal: steps of every run, in place of minutes.
    """

    def __init__(self, path: Path, minutes: float, cases: list[Case], arms: list[Arm], *, equal: int = 0) -> None:
        self.path, self.minutes, self.cases, self.arms, self.equal = path, minutes, cases, arms, equal
        self.record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"pace": {}, "rows": []}
        about = self.record.get("about", {})
        before = about.get("minutes", minutes), about.get("equal", equal)
        if before != (minutes, equal):
            length = f"{before[1]:,} steps" if before[1] else f"{before[0]:g} minutes"
            sys.exit(f"{path} holds runs of {length}; name another --into")

    def measure(self, steps: int = 60) -> None:
        """The pace of each arm on each case, and of the CNN, which teaches; those that are there stay."""
        for case in self.cases:
            paces = self.record["pace"].setdefault(case.title, {})
            for arm in (CNN, *(arm for arm in self.arms if arm is not CNN)):
                if arm.title not in paces:
                    paces[arm.title] = in_fresh_process(seconds_a_step, case, arm, self.minutes, steps)
                    self.keep()
                say(f"{case.title:16} {arm.title:40} {1000 * paces[arm.title]:8.2f} ms a step")

    def run(self, seeds: Iterable[int]) -> None:
        """The rows that are missing."""
        for seed in seeds:
            for case in self.cases:
                for arm in self.arms:
                    if any(row["seed"] == seed for row in self.rows(case, arm)):
                        continue
                    taught, own = self.steps(case, arm)
                    options = {**arm.on(case), "seed": seed, "steps": taught + own}
                    if arm.taught:
                        options["teacher"] = "auto"
                        options["overrides"]["teacher.budget_share"] = taught / (taught + own)
                    made = in_fresh_process(train_once, case.data, options)
                    row = {"case": case.title, "arm": arm.title, "seed": seed, "steps": own, "teacher_steps": taught}
                    self.record["rows"].append({**row, **made, "options": options})
                    self.keep()
                    done = f"{made['value']:.4f}  {own:,} steps, {made['seconds']:.0f} s"
                    say(f"{case.title:16} {arm.title:40} seed {seed}  {done}")

    def rows(self, case: Case, arm: Arm) -> list[dict[str, Any]]:
        """What is done, of all seeds."""
        return [row for row in self.record["rows"] if (row["case"], row["arm"]) == (case.title, arm.title)]

    def steps(self, case: Case, arm: Arm) -> tuple[int, int]:
        """The minutes in steps: of the teacher, and of the model itself."""
        if self.equal:
            return 0, self.equal
        paces = self.record["pace"].get(case.title, {})
        if missing := {CNN.title, arm.title} - set(paces):
            sys.exit(f"no pace of {' and '.join(sorted(missing))} on {case.title}: run with --pace first, in quiet")
        seconds = 60 * self.minutes
        return round(arm.taught * seconds / paces[CNN.title]), round((1 - arm.taught) * seconds / paces[arm.title])

    def keep(self) -> None:
        """Writes the record; a kill leaves the old one or the new one."""
        self.record["about"] = {
            "date": datetime.date.today().isoformat(),
            "minutes": self.minutes,
            "equal": self.equal,
            "hardware": describe_device(torch.device("cpu")),
            "torch": torch.__version__,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self.path, json.dumps(self.record, indent=1, default=str) + "\n")

    def table(self) -> str:
        """Markdown: a line an arm, a column a case."""
        lines = ["| | " + " | ".join(case.title for case in self.cases) + " |", "|---|" + "---|" * len(self.cases)]
        cells = ((arm, [cell(self.rows(case, arm)) for case in self.cases]) for arm in self.arms)
        return "\n".join([*lines, *(f"| {arm.title} | {' | '.join(texts)} |" for arm, texts in cells)])


def cell(rows: list[dict[str, Any]]) -> str:
    """ "81.2 % ± 0.4 (3 seeds)", or "81.2 % (80.4 to 82.0)" of one."""
    if not rows:
        return "not run"
    values = [100 * row["value"] for row in rows]
    if len(rows) == 1:
        return f"{values[0]:.1f} % ({100 * rows[0]['low']:.1f} to {100 * rows[0]['high']:.1f})"
    return f"{statistics.mean(values):.1f} % ± {statistics.stdev(values):.1f} ({len(rows)} seeds)"


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)

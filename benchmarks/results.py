"""The results table: `smalti train DATA --minutes M` with nothing else said, beside the ViT of the tutorials and the
classic CNN.

    python benchmarks/results.py --data DIR [--only cifar10,mnist] [--models smalti,tutorial,cnn] [--minutes 5]
    [--seeds 0] [--as-seed 0]

Every run is a process of its own with the whole machine, and has the same minutes for everything: opening, checking,
training, evaluating. Each learns from the same training pictures; the test pictures are touched once, at the end. The
numbers go to benchmarks/results/DATE.json as they come, and from that file the tables of docs/results.md and README.md
that name it in their mark are written. DIR holds the data sets, as docs/results.md names them.

With --as-seed the runs have, in place of minutes, the preset and the steps that the run of that seed had in its
minutes, so that it does not matter what else the machine does. The tutorial's has no such budget.
"""

import argparse
import datetime
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
SETS = {  # name: file in the data folder; digits come with scikit-learn
    "digits": None,
    "mnist": "mnist",
    "cifar10": "cifar10.tar.gz",
    "gtsrb": "gtsrb-subset.zip",
    "pneumonia": "pneumoniamnist.npz",
    "grocery": "grocery-subset.zip",
}
TITLES = {
    "digits": "digits (scikit-learn)",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10 (JPEG)",
    "gtsrb": "GTSRB subset",
    "pneumonia": "PneumoniaMNIST",
    "grocery": "Grocery subset",
}
SIDES = (8, 16, 28, 32, 48, 64, 128)  # of the pictures that peers see
MODELS = {"smalti": "smalti, defaults", "cnn": "classic CNN", "tutorial": "tutorial ViT"}


def one_run(name: str, model: str, data: str, minutes: float, seed: int, like: dict | None) -> dict:
    """A whole run in this process; as long as that of another seed was, where its row is there, instead of minutes."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        budget = {"minutes": minutes} if like is None else as_long(data, minutes, like)
        row = RUNS[model](data, minutes, seed, Path(folder) / "run", began, budget)
    about = {"set": name, "model": model, "seed": seed, "minutes": minutes, "counted": like is not None}
    return {**about, **row, "seconds": time.monotonic() - began}


def run_smalti(data: str, minutes: float, seed: int, out: Path, began: float, budget: dict, **options: object) -> dict:
    """`smalti train DATA --minutes M`."""
    import smalti

    result = smalti.train(data, seed=seed, out=out, show=False, **budget, **options)
    detail = json.loads(result.run.joinpath("result.json").read_text())
    preset = tomllib.loads(result.run.joinpath("run.toml").read_text())["model"]["preset"]
    timing = detail["timing"]
    seen = timing["images_per_second"] * timing["train"]
    return {"preset": preset, **figures(result.metrics["accuracy"], seen, detail["parameters"])}


def run_cnn(data: str, minutes: float, seed: int, out: Path, began: float, budget: dict) -> dict:
    """The classic CNN through the same loop, with smalti's augmentation, and AdamW at its usual rate."""
    settings = {
        "preprocess.img_size": list(choose_recipe(data, minutes, seed)[3].img_size),
        "optim.name": "adamw",
        "optim.lr": 1e-3,
        "optim.weight_decay": 0.01,
    }
    return run_smalti(data, minutes, seed, out, began, {**budget, "model": "cnn_small_32"}, overrides=settings)


def run_tutorial(data: str, minutes: float, seed: int, out: Path, began: float, budget: dict) -> dict:
    """The ViT of the tutorials in its own plain loop, on the same pictures."""
    from tutorial_vit import train_tutorial

    from smalti.evaluate.classify import classification_metrics
    from smalti.evaluate.outputs import softmax

    source, parts, recipe, preprocess = choose_recipe(data, minutes, seed)
    mirror = recipe.augment.flip != "none"
    outputs, parameters, seen = train_tutorial(
        source, parts, preprocess, mirror=mirror, began=began, minutes=minutes, seed=seed
    )
    metrics = classification_metrics(softmax(outputs.logits), outputs.targets, source.labels)
    return figures(metrics["accuracy"], seen, parameters)


RUNS = {"smalti": run_smalti, "cnn": run_cnn, "tutorial": run_tutorial}


def choose_recipe(data: str, minutes: float, seed: int):
    """The data, its split, what smalti would choose, and how its peers see the pictures: as smalti does, but never
    enlarged, as smalti has them where it cuts larger patches."""
    import torch

    from smalti import data as rooms
    from smalti.data.check import check
    from smalti.data.split import split
    from smalti.recipes.choose import choose
    from smalti.recipes.choose_model import ratio
    from smalti.recipes.given import Given
    from smalti.train.budget import Budget

    source = rooms.open(data)
    found = check(source)
    parts = split(source, found.facts, seed=seed)
    given = Given(source, found, parts, Budget(minutes=minutes), minutes * 60, torch.device("cpu"), seed=seed)
    recipe = choose(given).recipe
    own = min(SIDES, key=partial(ratio, int(found.sizes[1].min())))
    size = tuple(min(own, side) for side in recipe.preprocess.img_size)
    return source, parts, recipe, recipe.preprocess.with_size(size)


def as_long(data: str, minutes: float, like: dict) -> dict:
    """The preset of a run, and the steps it had: its pictures in batches of the size that smalti chooses."""
    steps = round(like["seen"] / choose_recipe(data, minutes, 0)[2].loop.batch_size)
    return {"steps": steps, "model": like["preset"]}


def figures(accuracy, seen: float, parameters: int) -> dict:
    """What a row of the table needs."""
    return {
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "n": accuracy.n,
        "seen": round(seen),
        "parameters": parameters,
    }


# --- the tables -------------------------------------------------------------------------------------------------------


def table(rows: list[dict]) -> str:
    """Markdown: a line a set, a column a model that was run; the mean over seeds, the interval where there is one."""
    models = [model for model in MODELS if any(row["model"] == model for row in rows)]
    titles = [MODELS[model] for model in models]
    lines = ["| set | test pictures | " + " | ".join(titles) + " |", "|---|---|" + "---|" * len(titles)]
    for name, title in TITLES.items():
        of_set = [row for row in rows if row["set"] == name]
        if of_set:
            cells = [cell([row for row in of_set if row["model"] == model]) for model in models]
            lines.append(f"| {title} | {of_set[0]['n']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(rows: list[dict]) -> str:
    """ "98.1 % (97.0-98.8)", or "98.1 % ± 0.2 (3 seeds)" """
    if not rows:
        return "not run"
    values = [100 * row["accuracy"] for row in rows]
    if len(rows) == 1:
        return f"{values[0]:.1f} % ({100 * rows[0]['low']:.1f} to {100 * rows[0]['high']:.1f})"
    mean = statistics.mean(values)
    return f"{mean:.1f} % ± {statistics.stdev(values):.1f} ({len(rows)} seeds)"


def write_tables(path: Path) -> None:
    """Replaces what is between the marks of docs/results.md and README.md that name the file."""
    record = json.loads(path.read_text())
    about = record["about"]
    seeds = ",".join(map(str, sorted({row["seed"] for row in record["rows"]})))
    note = (
        "Accuracy on the test pictures with its 95 % interval, or mean and deviation over seeds: "
        f"`python benchmarks/results.py --data DIR --minutes {about['minutes']:g} --seeds {seeds}`, "
        f"{about['hardware']}, torch {about['torch']}, {about['date']}."
    )
    counted = {m: sorted({r["seed"] for r in record["rows"] if r["counted"] and r["model"] == m}) for m in MODELS}
    if told := "; ".join(f"{MODELS[m]}, {', '.join(map(str, seeds))}" for m, seeds in counted.items() if seeds):
        note += f" Seeds with as many steps as these minutes hold on a quiet machine (`--as-seed`): {told}."
    begin, end = f"<!-- results:begin {path.name} -->", "<!-- results:end -->"
    text = f"{begin}\n{table(record['rows'])}\n\n{note}\n{end}"
    for page in (HERE.parent / "README.md", HERE.parent / "docs" / "results.md"):
        old = page.read_text("utf-8")
        page.write_text(re.sub(f"{begin}.*?{end}", lambda _: text, old, flags=re.DOTALL), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--as-seed", type=int, help="do the steps of this seed's run, which has to be there")
    parser.add_argument("--into", type=Path, help="results file; default results/DATE.json")
    parser.add_argument("--run", help=argparse.SUPPRESS)  # one run, for the fresh process
    args = parser.parse_args()
    if args.run:
        name, model, data, seed, like = json.loads(args.run)
        sys.stdout.write("\nROW " + json.dumps(one_run(name, model, data, args.minutes, seed, like)) + "\n")
        return

    import torch

    from smalti.nn.device import describe_device

    today = datetime.date.today().isoformat()
    path = args.into or HERE / "results" / f"{today}.json"
    path.parent.mkdir(exist_ok=True)
    record = json.loads(path.read_text()) if path.exists() else {"rows": []}
    hardware = describe_device(torch.device("cpu"))
    record["about"] = {"date": today, "minutes": args.minutes, "hardware": hardware, "torch": torch.__version__}
    for seed in map(int, args.seeds.split(",")):
        for name in args.only.split(","):
            for model in args.models.split(","):
                file = SETS[name]
                data = name if file is None else str(args.data / file)
                row = in_fresh_process(name, model, data, args.minutes, seed, row_of(record, name, model, args.as_seed))
                others = [r for r in record["rows"] if (r["set"], r["model"], r["seed"]) != (name, model, seed)]
                record["rows"] = [*others, row]
                path.write_text(json.dumps(record, indent=1) + "\n")
                seen = f"{row['seconds']:.0f} s, {row['seen']:,} pictures seen"
                print(f"{name:10} {model:9} seed {seed}  {row['accuracy']:.4f}  {seen}", flush=True)
    write_tables(path)


def row_of(record: dict, name: str, model: str, seed: int | None) -> dict | None:
    """The row of that seed; None where no seed is named."""
    if seed is None:
        return None
    found = [row for row in record["rows"] if (row["set"], row["model"], row["seed"]) == (name, model, seed)]
    if not found or "preset" not in found[0]:
        sys.exit(f"no run of seed {seed} of {model} on {name} that says its preset")
    return found[0]


def in_fresh_process(name: str, model: str, data: str, minutes: float, seed: int, like: dict | None) -> dict:
    """One run with nothing left over from the last."""
    call = [sys.executable, __file__, "--minutes", str(minutes), "--run", json.dumps([name, model, data, seed, like])]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.rpartition("\nROW ")[2])


if __name__ == "__main__":
    main()

"""Labels and numbers on real pictures: blood smears (BCCD, 364 photographs with every cell boxed).

    python benchmarks/blood_cells.py --data DIR [--tasks kinds,count] [--minutes 1.5 | --epochs 30] [--seed 0]
    [--set target.loss=l1]

Two manifests are made from the boxes. `kinds`: which kinds of cell occur in a picture (multi-label). `count`: how many
red cells do (a number). Training, validation and test pictures are those the set names; the test pictures are touched
once, at the end. Beside each figure stands what needs no picture at all: the share of each label, the mean count. Rows
go to benchmarks/results/blood-cells-DATE.json. DIR holds bccd-voc.zip.
"""

import argparse
import csv
import datetime
import json
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch

import smalti
from smalti.evaluate.metrics import Metric
from smalti.evaluate.multilabel import multilabel_metrics
from smalti.evaluate.regress import regression_metrics
from smalti.nn.device import describe_device
from smalti.recipes.assemble import open_data

TASKS = {  # file name and column of the manifest, and the figure
    "kinds": ("labels", lambda cells: "|".join(sorted(cells)), "map"),
    "count": ("target", lambda cells: cells["RBC"], "mae"),
}


def make_manifests(archive: Path, folder: Path) -> None:
    """Unpacks the pictures into `folder`, with a manifest for each task."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    rows = []
    for split in ("train", "val", "test"):
        for name in (folder / f"BCCD/ImageSets/Main/{split}.txt").read_text().split():
            tree = ElementTree.parse(folder / f"BCCD/Annotations/{name}.xml")
            cells = Counter(cell.findtext("name") for cell in tree.iter("object"))
            rows.append((f"BCCD/JPEGImages/{name}.jpg", split, cells))
    for task, (column, answer, _) in TASKS.items():
        with open(folder / f"{task}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("path", "split", column))
            writer.writerows((path, split, answer(cells)) for path, split, cells in rows)


def without_pictures(manifest: Path, seed: int) -> Metric:
    """The figure of an answer that is the same for every picture: the mean of the training targets."""
    source, _, parts = open_data(
        manifest, task=None, seed=seed, fraction=1.0, bad_images="stop", leaks="drop", download=False, show=False
    )
    targets = np.asarray(source.targets, np.float64)
    answers = np.broadcast_to(targets[parts.train].mean(0), targets[parts.test].shape)
    metrics = multilabel_metrics if source.task == "multilabel" else regression_metrics
    return metrics(answers, targets[parts.test])[TASKS[manifest.stem][2]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of bccd-voc.zip")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="a setting, as of smalti train")
    args = parser.parse_args()

    budget = {"epochs": args.epochs} if args.epochs else {"minutes": args.minutes or 1.5}
    today = datetime.date.today().isoformat()
    path = Path(__file__).parent / "results" / f"blood-cells-{today}.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_manifests(args.data / "bccd-voc.zip", folder)
        for task in args.tasks.split(","):
            manifest, figure = folder / f"{task}.csv", TASKS[task][2]
            overrides = dict(one.split("=", 1) for one in args.set)
            result = smalti.train(
                manifest,
                **budget,
                seed=args.seed,
                leaks="drop",
                overrides=overrides,
                out=folder / f"run-{task}",
            )
            row = {
                "task": task,
                "set": overrides,
                **budget,
                "seed": args.seed,
                "figure": figure,
                "smalti": result.metrics[figure].to_dict(),
                "without pictures": without_pictures(manifest, args.seed).to_dict(),
                "metrics": {name: metric.to_dict() for name, metric in result.metrics.items()},
                "steps": json.loads((result.run / "result.json").read_text())["steps"],
                "seconds": round(result.seconds, 1),
                "hardware": describe_device(torch.device("cpu")),
                "torch": torch.__version__,
            }
            rows.append(row)
            path.write_text(json.dumps(rows, indent=1) + "\n")
            print(json.dumps({key: row[key] for key in ("task", "set", "figure", "smalti", "without pictures")}))


if __name__ == "__main__":
    main()

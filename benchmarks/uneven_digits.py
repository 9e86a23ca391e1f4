"""What to do about uneven classes: handwritten digits, thinned so that there are 100 zeros to learn from and 4 nines.

    python benchmarks/uneven_digits.py [--epochs 60] [--seeds 0,1,2]

Each setting has the same 324 pictures, of which a tenth is set aside to choose by, at 8 pixels, and the recipe smalti
chooses; 719 other digits, about as many of each class, judge it once. Rows go to
benchmarks/results/uneven-digits-DATE.json.
"""

import argparse
import datetime
import json
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import smalti
from smalti.nn.device import describe_device

SETTINGS = {
    "pictures count alike": {"target.class_weights": "none"},
    "class weights": {"target.class_weights": "auto"},
    "balanced sampling": {"target.sampling": "balanced"},
    "focal loss": {"target.class_weights": "none", "target.loss": "focal"},
    "one against all": {"target.class_weights": "none", "target.loss": "bce"},
}
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1")


def write_uneven(path: Path) -> None:
    """The digits with a train split of 100 * 0.7^k pictures of digit k."""
    digits: Any = load_digits()
    pictures = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    train, test = train_test_split(np.arange(len(pictures)), test_size=0.4, stratify=digits.target, random_state=0)
    kept = [train[digits.target[train] == k][: round(100 * 0.7**k)] for k in range(10)]
    train = np.concatenate(kept)
    np.savez(
        path,
        train_images=pictures[train],
        train_labels=digits.target[train],
        test_images=pictures[test],
        test_labels=digits.target[test],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", default="0,1,2")
    args = parser.parse_args()
    path = Path(__file__).parent / "results" / f"uneven-digits-{datetime.date.today().isoformat()}.json"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "uneven.npz"
        write_uneven(data)
        for name, overrides in SETTINGS.items():
            for seed in map(int, args.seeds.split(",")):
                out = Path(folder) / f"{name} {seed}"
                result = smalti.train(
                    data, epochs=args.epochs, seed=seed, overrides=overrides, out=out, report=False, show=False
                )
                figures = {figure: result.metrics[figure].to_dict() for figure in FIGURES}
                about = {"hardware": describe_device(torch.device("cpu")), "torch": torch.__version__}
                row = {"setting": name, "set": overrides, "seed": seed, "epochs": args.epochs, "metrics": figures}
                rows.append({**row, "seconds": round(result.seconds, 1), **about})
                path.write_text(json.dumps(rows, indent=1) + "\n")
            of_setting = [row["metrics"] for row in rows if row["setting"] == name]
            for figure in FIGURES:
                values = [100 * metrics[figure]["value"] for metrics in of_setting]
                spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
                print(f"{name:22} {figure:18} {mean(values):.1f}{spread} %", flush=True)


if __name__ == "__main__":
    main()

"""Short labelled texts: `smalti train TABLE` beside TF-IDF and logistic regression: the table of docs/results.md.

    python benchmarks/labelled_texts.py --data DIR --into FILE.json [--steps 1000] [--seeds 0,1,2] [--set KEY=VALUE]

DIR holds twemoji72.zip and crawl-tiles32.zip. "emoji" are the names of emoji and the group each is in, without skin
tones; "tiles" are the names of pictures of a game and their category, without the folder that stands in brackets behind
some. Both contenders learn from the same texts, choose by the same and are judged once by the same quarter of them;
equal texts are in one split.

The baseline knows the words, pairs of words, and runs of 2 to 5 characters of the training texts, weighed by TF-IDF;
the strength of its regression is chosen by the validation texts.
"""

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from smalti.data.source import SPLITS
from smalti.data.text import open_sentences, split_texts
from smalti.evaluate.intervals import wilson

SETS = {"emoji": ("twemoji72.zip", "group"), "tiles": ("crawl-tiles32.zip", "category")}
RARE = 20  # a class of fewer texts is left out
STRENGTHS = (1, 10, 100, 1000)

Texts = dict[str, tuple[list[str], list[str]]]  # texts and labels of each split


def prepare(folder: Path, name: str, path: Path) -> Texts:
    """Writes the table that smalti reads, with its split."""
    archive, column = SETS[name]
    with zipfile.ZipFile(folder / archive) as opened:
        table = csv.DictReader(io.StringIO(opened.read("metadata.csv").decode()))
        rows = [(row["text"].split(" (")[0] if name == "tiles" else row["text"], row[column]) for row in table]
    rows = [row for row in rows if "skin tone" not in row[0]]
    counts = Counter(label for _, label in rows if label)
    rows = [(text, label) for text, label in rows if counts[label] >= RARE]
    write(path, [("text", "label"), *rows])
    parts = split_texts(open_sentences(path), val=0.1, test=0.25)
    places = {split: getattr(parts, split).tolist() for split in SPLITS}
    split_rows = [(*rows[i], split) for split in SPLITS for i in places[split]]
    write(path, [("text", "label", "split"), *split_rows])
    return {split: tuple(map(list, zip(*(rows[i] for i in places[split]), strict=True))) for split in SPLITS}  # type: ignore[misc]


def write(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def baseline(texts: Texts) -> float:
    """Accuracy on the test texts."""
    found = []
    for strength in STRENGTHS:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
        model = make_pipeline(make_union(words, letters), LogisticRegression(C=strength, max_iter=1000))
        model.fit(*texts["train"])
        found.append((model.score(*texts["val"]), -strength, model))
    return float(max(found, key=lambda one: one[:2])[2].score(*texts["test"]))


def train(path: Path, steps: int, seed: int, settings: list[str], out: Path) -> dict[str, Any]:
    """One run by the command; what its result.json says of it."""
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "smalti", "train", str(path), "--out", str(out), "--steps", str(steps)]
    subprocess.run([*command, "--seed", str(seed), *words], check=True, stdout=subprocess.DEVNULL)
    result = json.loads((out / "result.json").read_text())
    return {"accuracy": result["metrics"]["accuracy"]["value"], "seconds": result["timing"]["train"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    args = parser.parse_args()
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only.split(","):
            path = Path(folder, f"{name}.csv")
            texts = prepare(args.data, name, path)
            n = len(texts["test"][0])
            runs = [
                train(path, args.steps, int(seed), args.settings, Path(folder, f"{name}-{seed}"))
                for seed in args.seeds.split(",")
            ]
            rows[name] = {
                "texts": {split: len(labels) for split, (_, labels) in texts.items()},
                "largest class": Counter(texts["test"][1]).most_common(1)[0][1] / n,
                "baseline": baseline(texts),
                "smalti": runs,
            }
            args.into.write_text(json.dumps(rows, indent=1))
            accuracies = [run["accuracy"] for run in runs]
            spread = f" ± {stdev(accuracies):.1%}" if len(runs) > 1 else ""
            for who, value, more in (
                ("TF-IDF and regression", rows[name]["baseline"], ""),
                ("smalti", mean(accuracies), spread),
            ):
                low, high = wilson(value, n)
                print(f"{name}, {n} texts: {who} {value:.1%}{more} ({low:.1%} to {high:.1%})")


if __name__ == "__main__":
    main()

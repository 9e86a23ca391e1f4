"""How much does each way of training need? CIFAR-10 with 10, 25, 100 and 500 labelled pictures a class.

    smalti train DIR/gtsrb-subset.zip --epochs 60 --model cct_mini_patch4_32 --set preprocess.img_size=32 --out START
    python benchmarks/data_efficiency.py --data DIR --into FILE.json --start START --pace            (once, in quiet)
    python benchmarks/data_efficiency.py --data DIR --into FILE.json --start START [--labels 10,25,100,500]
        [--seeds 0,1,2] [--minutes 2] [--plot docs/images/data-efficiency.png]

Arms: the CNN, a plain ViT, one with a convolutional stem, the plain one distilled from a CNN that is trained first
(with 30 % of the minutes, on the same few pictures), and one that begins with a model of another set: START, which any
`smalti train` on another set makes; left out where none is named.

`--fraction` draws the pictures evenly from the classes, anew for each seed; fewer are a part of more. Validation
pictures are cut alike but not below 100, so a run with 10 labels a class looks at 200 labels in all. It uses them only
to choose among its own checkpoints, and every arm has the same. All 10,000 test pictures judge each run once.

Minutes are counted as steps, at the pace that `--pace` has measured: see study.py. The table goes to stdout.
"""

import argparse
from pathlib import Path
from statistics import mean, stdev

from study import CNN, Arm, Case, Study, distilled, preset_arm

A_CLASS = 4500  # CIFAR-10 has 5,000, of which a tenth is set aside to choose by


def draw(study: Study, labels: list[int], path: Path) -> None:
    """Accuracy over labels a class, a line an arm. Bars: the deviation over seeds; of one seed, the 95 % interval."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for number, arm in enumerate(study.arms):
        beside = 1.02 ** (number - len(study.arms) // 2)  # so that no bar hides another
        rows = [study.rows(case, arm) for case in study.cases]
        found = [(beside * count, *spread(some)) for count, some in zip(labels, rows, strict=True) if some]
        if found:
            x, y, below, above = zip(*found, strict=True)
            axes.errorbar(x, y, (below, above), marker="o", capsize=3, label=arm.title)
    axes.set(xscale="log", xlabel="labelled pictures a class", ylabel="test accuracy, %")
    axes.set_xticks(labels, [str(count) for count in labels])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def spread(rows: list[dict]) -> tuple[float, float, float]:
    """The mean of the rows of an arm in percent, and how far its bar reaches below and above."""
    values = [100 * row["value"] for row in rows]
    if len(values) == 1:
        return values[0], values[0] - 100 * rows[0]["low"], 100 * rows[0]["high"] - values[0]
    return mean(values), stdev(values), stdev(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--into", type=Path, required=True, help="results file")
    parser.add_argument("--start", type=Path, help="a run on another set, to begin with")
    parser.add_argument("--labels", default="10,25,100,500", help="pictures a class")
    parser.add_argument("--plain", default="vit_mini_patch4_32")
    parser.add_argument("--stem", default="cct_mini_patch4_32")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--plot", type=Path, help="a PNG to draw")
    parser.add_argument("--pace", action="store_true", help="measure the pace of each arm, and stop")
    args = parser.parse_args()

    plain, stem = preset_arm(args.plain), preset_arm(args.stem)
    arms = [CNN, plain, stem, distilled(plain)]
    if args.start:
        arms.append(Arm(f"from {args.start.name}", {"start": str(args.start.resolve())}))
    labels = [int(count) for count in args.labels.split(",")]
    data = str((args.data / "cifar10.tar.gz").resolve())
    study = Study(args.into, args.minutes, [Case(f"{n} a class", data, 32, n / A_CLASS) for n in labels], arms)
    if args.pace:
        study.measure()
        return
    study.run(map(int, args.seeds.split(",")))
    print(study.table())
    if args.plot:
        draw(study, labels, args.plot)


if __name__ == "__main__":
    main()

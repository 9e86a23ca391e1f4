"""Is bf16 safe? The same runs in fp32 and in bf16: CIFAR-10 and MNIST from scratch, traffic signs from a trained model.

    smalti train DIR/cifar10.tar.gz --steps 1500 --out START
    python benchmarks/precision.py --data DIR --into FILE.json --start START [--steps 1500] [--seeds 0,1,2]
        [--plot docs/images/precision.png]

Everything but the precision is equal: recipe, seed, steps, the order of the pictures and how they are varied.
Validation figures along the way are kept, and drawn; the test pictures judge each run once, at the end. The table goes
to stdout.
"""

import argparse
from pathlib import Path

from study import Arm, Case, Study

SETS = {"CIFAR-10": ("cifar10.tar.gz", 32), "MNIST": ("mnist", 28)}
TUNED = ("traffic signs, from CIFAR-10", "gtsrb-subset.zip", 32)
ARMS = [Arm(precision, {"overrides": {"loop.precision": precision}}) for precision in ("fp32", "bf16")]


def draw(study: Study, path: Path) -> None:
    """Errors on the validation pictures over steps, a plot a case, a line a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    n = len(study.cases)
    figure, axes = plt.subplots(1, n, figsize=(4 * n, 3.5), layout="constrained", squeeze=False)
    for plot, case in zip(axes[0], study.cases, strict=True):
        for number, arm in enumerate(study.arms):
            for nth, row in enumerate(study.rows(case, arm)):
                steps, right, _ = zip(*row["curve"], strict=True)
                wrong, label = [100 - 100 * one for one in right], None if nth else arm.title
                plot.plot(steps, wrong, color=f"C{number}", alpha=0.7, label=label)
        plot.set(title=case.title, xlabel="step", ylabel="validation errors, %", yscale="log")
        plot.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2.2, 3.3, 5)))
        plot.yaxis.set_major_formatter("{x:g}")
        plot.yaxis.set_minor_formatter(NullFormatter())
        plot.grid(alpha=0.3, which="both")
    axes[0][0].legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--into", type=Path, required=True, help="results file")
    parser.add_argument("--start", type=Path, help="a run on CIFAR-10, to go on with")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--plot", type=Path, help="a PNG to draw")
    args = parser.parse_args()

    def case(title: str, file: str, size: int, **options: str) -> Case:
        return Case(title, str((args.data / file).resolve()), size, options=options)

    cases = [case(title, *about) for title, about in SETS.items()]
    if args.start:
        cases.append(case(*TUNED, start=str(args.start.resolve())))
    study = Study(args.into, 0, cases, ARMS, equal=args.steps)
    study.run(map(int, args.seeds.split(",")))
    print(study.table())
    if args.plot:
        draw(study, args.plot)


if __name__ == "__main__":
    main()

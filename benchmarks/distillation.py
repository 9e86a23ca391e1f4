"""Does a CNN as a teacher help a small Transformer, if its training has to be paid for? Equal minutes for all.

    python benchmarks/distillation.py --data DIR --into FILE.json --pace            (once, in quiet)
    python benchmarks/distillation.py --data DIR --into FILE.json [--only cifar10,gtsrb] [--seeds 0,1,2]
        [--models vit_mini_patch4_32 cct_mini_patch4_32] [--shares 0.3] [--minutes 5] [--pixels 32] [--fraction 1]

Arms: the CNN, each preset alone, each preset with `--teacher auto`, which gives a share of the minutes to the CNN that
teaches. A preset may have fields of its config behind a colon, so that a DeiT with a token
for distillation can be small: "deit_tiny_distilled_patch16_224:patch_size=4,embed_dim=128,depth=4,num_heads=4".
Pictures have 32 pixels in CIFAR-10 and 48 in the GTSRB subset, unless --pixels says otherwise; presets are fitted to
that.

Minutes are counted as steps, at the pace that `--pace` has measured: see study.py. DIR holds the data sets, as
docs/results.md names them. Test pictures are touched once a run, at the end. The table goes to stdout, and below it
what a teacher brings: the differences of each seed, and the 95 % interval of their mean by Student's t.
"""

import argparse
from pathlib import Path
from statistics import mean

from scipy.stats import sem, t
from study import CNN, Arm, Case, Study, distilled, preset_arm

SETS = {"cifar10": ("cifar10.tar.gz", 32), "gtsrb": ("gtsrb-subset.zip", 48), "digits": (None, 8)}  # file, pixels


def gain(study: Study, case: Case, alone: Arm, taught: Arm) -> str:
    """ "+4.1 points (1.7 to 6.5, 5 seeds: +6.3 +2.7 ...)": what the teacher brings, seed by seed."""
    first, second = ({row["seed"]: 100 * row["value"] for row in study.rows(case, arm)} for arm in (alone, taught))
    gains = [second[seed] - first[seed] for seed in sorted(first.keys() & second.keys())]
    if len(gains) < 2:
        return "not enough seeds"
    low, high = t.interval(0.95, len(gains) - 1, mean(gains), sem(gains))
    each = " ".join(f"{one:+.1f}" for one in gains)
    return f"{mean(gains):+.1f} points ({low:.1f} to {high:.1f}, {len(gains)} seeds: {each})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the data sets")
    parser.add_argument("--into", type=Path, required=True, help="results file")
    parser.add_argument("--only", default="cifar10,gtsrb")
    parser.add_argument("--models", nargs="+", default=["vit_mini_patch4_32", "cct_mini_patch4_32"])
    parser.add_argument("--shares", default="0.3", help="of the minutes, for the teacher; an arm for each")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--pixels", type=int, help="a side of the pictures, where not the set's own")
    parser.add_argument("--fraction", type=float, default=1.0, help="of the training pictures")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--pace", action="store_true", help="measure the pace of each arm, and stop")
    args = parser.parse_args()

    presets = [preset_arm(text) for text in args.models]
    shares = [float(share) for share in args.shares.split(",")]
    taught = [(arm, distilled(arm, share)) for arm in presets for share in shares]
    arms = list({arm.title: arm for arm in (CNN, *(one for pair in taught for one in pair))}.values())
    cases = []
    for name in args.only.split(","):
        file, size = SETS[name]
        data = name if file is None else str((args.data / file).resolve())
        cases.append(Case(name, data, args.pixels or size, args.fraction))
    study = Study(args.into, args.minutes, cases, arms)
    if args.pace:
        study.measure()
        return
    study.run(map(int, args.seeds.split(",")))
    print(study.table())
    for case in cases:
        for alone, with_teacher in taught:
            print(f"{case.title}, {with_teacher.title}: {gain(study, case, alone, with_teacher)}")


if __name__ == "__main__":
    main()

"""Peak memory of training and of inference beside timm: each contender in a process of its own, whose highest resident
size is counted from the moment before it builds its model."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from interleaved import Maker

WORK = {  # title: (shape of `training.SHAPES` or a published size, batch)
    "training: ViT-Ti/16, 224 px, batch 32": ("tiny", 32),
    "training: 32 px, patch 4, 12 x 192, 3 heads, batch 128": ("32", 128),
    "inference: ViT-B/16, batch 1": ("base", 1),
    "inference: ViT-S/16, batch 32": ("small", 32),
}
CONTENDERS = ("timm, fp32", "timm, bf16 autocast", "smalti, bf16", "smalti, fp32")
CALLS = 6


def measure(rounds: int) -> Iterator[dict]:
    """A row a task and contender: the median of the rounds, in MiB."""
    for title in WORK:
        peaks = {name: sorted(one_peak(title, name) for _ in range(min(rounds, 3))) for name in CONTENDERS}
        reference = peaks[CONTENDERS[0]]
        for name, found in peaks.items():
            middle = found[len(found) // 2]
            ratio = middle / reference[len(reference) // 2]
            yield {"work": f"peak memory, {title}", "name": name, "mib": middle, "ratio": ratio}


def one_peak(title: str, name: str) -> float:
    call = [sys.executable, __file__, title, name]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def maker(title: str, name: str) -> Maker:
    """What builds the contender."""
    import inference
    import timm  # noqa: F401 - before the count starts, like all other imports
    import training

    import smalti.nn.inference
    import smalti.objectives  # noqa: F401

    kind, batch = WORK[title]
    precision, autocast = ("bf16" if "bf16" in name else "fp32"), "autocast" in name
    if title.startswith("inference"):
        preset = f"vit_{kind}_patch16_224"
        if name.startswith("timm"):
            return partial(inference.theirs, preset, batch, autocast=autocast)
        return partial(inference.ours, preset, batch, precision)
    config = next(config for shape, (config, _) in training.SHAPES.items() if shape in title)
    given = batch, (config.in_chans, *config.size), config.num_classes
    if name.startswith("timm"):
        return partial(training.peer, partial(training.timm_vit, config), *given, autocast=autocast)
    return partial(training.ours, partial(training.ViT, config), *given, precision)


def resident(field: str) -> float:
    """MiB of this process: "VmRSS" now, "VmHWM" at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


if __name__ == "__main__":
    make = maker(sys.argv[1], sys.argv[2])
    before = resident("VmRSS")
    work = make()
    for _ in range(CALLS):
        work()
    print(json.dumps(resident("VmHWM") - before))

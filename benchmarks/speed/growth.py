"""How cost grows: pictures a second and memory of a small ViT against batch, tokens, width and depth; time and memory
of opening and checking against the size of a data set; memory against epochs.

    python benchmarks/speed/growth.py [--only batch,tokens,width,depth,files,epochs] [--largest 1000000] [--note TEXT]
    python benchmarks/speed/growth_plots.py        (draws the latest record and writes its laws into the docs)

Nothing else should run on the machine. Every point is measured in a process of its own, whose memory is counted from
the moment before it builds its model (or opens its data) to the highest resident size, as in memory.py. Beside a point
stands how many operations it asks for, and beside an axis how many a product of large matrices makes a second in the
same precision: no step can be faster than one over the other. Results go to benchmarks/results/growth-DATE.json as they
come; an axis that is measured again takes the place of what was there.
"""

import argparse
import datetime
import gc
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context, set_start_method
from pathlib import Path

from bench import machine, versions
from memory import resident

from smalti.models.vit import ViTConfig

HERE = Path(__file__).parent
BASE = ViTConfig(32, 4, 3, 10, 192, 6, 3, cls_token=False, pool="mean")  # 64 tokens
MODELS = {  # axis: its values, each with the config and the batch
    "batch": {batch: (BASE, batch) for batch in (1, 4, 8, 16, 32, 64, 128, 256)},
    "tokens": {(side // 4) ** 2: (replace(BASE, img_size=side), 2) for side in (28, 40, 56, 80, 112, 160, 256)},
    "width": {
        64 * heads: (replace(BASE, embed_dim=64 * heads, num_heads=heads), 32) for heads in (1, 2, 3, 4, 6, 8, 12)
    },
    "depth": {depth: (replace(BASE, depth=depth), 32) for depth in (1, 2, 4, 8, 12, 16, 24)},
}
AXES = (*MODELS, "files", "epochs")
WORK = ("training", "inference")
BACKWARD = 3  # a step asks for three times the operations of a forward pass: gradients of inputs and of weights
SIZES = (1_000, 10_000, 100_000, 1_000_000)
CHECKED = 100_000  # pictures above which a tar and a manifest are only opened: they are the folder's pictures
CLASSES = 100
EPOCHS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(AXES))
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="pictures of the largest data set")
    parser.add_argument("--checked", type=int, default=SIZES[-1], help="pictures of the largest folder that is checked")
    parser.add_argument("--into", type=Path, help="results file; default results/growth-DATE.json")
    parser.add_argument("--note", default="", help="what should be known of this measurement")
    args = parser.parse_args()
    today = datetime.date.today().isoformat()
    path = args.into or HERE.parent / "results" / f"growth-{today}.json"
    record = json.loads(path.read_text()) if path.exists() else {"axes": {}}
    about = {"date": today, "machine": machine(), "threads": alone(threads), "versions": versions()}
    for axis in args.only.split(","):
        load, peak = os.getloadavg()[0], alone(gemm_peak) if axis in MODELS else None
        kept = record["axes"][axis] = {"about": about, "load": load, "note": args.note, "peak": peak, "rows": []}
        for row in rows_of(axis, args.largest, args.checked):
            print(axis, json.dumps(row), flush=True)
            kept["rows"].append(row)
            path.write_text(json.dumps(record, indent=1) + "\n")


def rows_of(axis: str, largest: int, checked: int) -> Iterator[dict]:
    """The points of an axis, as they come."""
    if axis in MODELS:
        for x in MODELS[axis]:
            for work in WORK:
                yield {"x": x, "work": work, **alone(model_point, axis, x, work)}
    elif axis == "files":
        for entries in (size for size in SIZES if size <= largest):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
                for kind, data in make_sets(Path(top), entries).items():
                    checks = entries <= (checked if kind == "folder" else min(checked, CHECKED))
                    yield {"x": entries, "work": kind, **alone(data_point, str(data), checks)}
    else:
        for work in ("in memory", "streamed"):
            for epoch, mib in enumerate(alone(epochs, work), 1):
                yield {"x": epoch, "work": work, "mib": mib}


def alone(work: Callable, *arguments: object):
    """What `work` returns in a process that has loaded everything and done nothing."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["growth_parts"])
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(work, *arguments).result()


# --- models


def threads() -> int:
    import torch

    return torch.get_num_threads()


def gemm_peak() -> float:
    """Operations a second of the fastest product of large matrices, in the precision that smalti computes in."""
    import torch

    from smalti.nn._onednn import fp32_products
    from smalti.nn.precision import DTYPES, best_precision

    precision, _ = best_precision(torch.device("cpu"))
    peak = 0.0
    with torch.inference_mode(), fp32_products():
        for side in (512, 1024, 2048):
            a, b = (torch.randn(side, side).to(DTYPES[precision]) for _ in range(2))
            peak = max(peak, 2 * side**3 / fastest(lambda a=a, b=b: a @ b))
    return peak


def fastest(work: Callable[[], object], seconds: float = 1.0) -> float:
    """Seconds of the fastest of the calls that fit into so many seconds, two at least: what disturbs only slows."""
    work()  # pays for caches and compilation
    calls: list[float] = []
    while len(calls) < 2 or sum(calls) < seconds:
        start = time.perf_counter()
        work()
        calls.append(time.perf_counter() - start)
    return min(calls)


def model_point(axis: str, x: int, work: str) -> dict:
    """Pictures a second, memory in MiB, and operations a picture."""
    import torch
    from inference import inferring
    from training import ours, random_batch

    from smalti.models.sizes import count_size
    from smalti.models.vit import ViT
    from smalti.nn.inference import for_inference
    from smalti.nn.precision import best_precision

    config, batch = MODELS[axis][x]
    given = batch, (config.in_chans, *config.size), config.num_classes
    precision, _ = best_precision(torch.device("cpu"))
    before = resident("VmRSS")
    if work == "training":
        called = ours(partial(ViT, config), *given, precision)
    else:
        images, _ = random_batch(*given)
        called = inferring(for_inference(ViT(config), images, precision), images)
    speed = batch / fastest(called)
    mib = resident("VmHWM") - before
    macs = count_size("vit", config).macs
    operations = 2 * macs * (BACKWARD if work == "training" else 1)
    return {"items_per_second": speed, "mib": mib, "operations": operations, "precision": precision}


# --- data sets


def make_sets(top: Path, entries: int) -> dict[str, Path]:
    """The same pictures, 8 x 8 and all different, as class folders, as a tar and as a manifest of the folders."""
    names = [f"class_{k:02d}/picture_{i:07d}.pgm" for k in range(CLASSES) for i in range(k, entries, CLASSES)]
    for k in range(CLASSES):
        (top / "folder" / f"class_{k:02d}").mkdir(parents=True)
    with open(top / "tar.tar", "wb") as tar, open(top / "manifest.csv", "w") as manifest:
        manifest.write("path,label\n")
        for i, name in enumerate(names):
            content = b"P5 8 8 255\n" + i.to_bytes(4, "big") + bytes((7 * k + i) % 256 for k in range(60))
            (top / "folder" / name).write_bytes(content)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.write(info.tobuf(tarfile.USTAR_FORMAT) + content.ljust(512, b"\0"))
            manifest.write(f"folder/{name},{name[:8]}\n")
        tar.write(bytes(1024))
    return {"folder": top / "folder", "tar": top / "tar.tar", "manifest": top / "manifest.csv"}


def data_point(path: str, checks: bool) -> dict:
    """Seconds and MiB of opening and of checking: what stays, and the most on the way."""
    from smalti import data
    from smalti.data.check import check

    with tempfile.TemporaryDirectory() as top:
        os.environ["SMALTI_CACHE"] = top
        few = make_sets(Path(top), CLASSES)
        check(data.open(few[Path(path).stem]))  # what is loaded on the way is not counted
        found: dict[str, float] = {}
        source = counted("open", lambda: data.open(path), found)
        if checks:
            counted("check", lambda: check(source), found)
            counted("again", lambda: check(source), found)  # from the cache: as every later command does
    return found


def counted(name: str, work: Callable, found: dict[str, float]):
    """What `work` returns; notes its seconds, and MiB held and at most."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the highest resident size begins anew
    before, start = resident("VmRSS"), time.perf_counter()
    result = work()
    found[f"{name}_seconds"] = time.perf_counter() - start
    gc.collect()
    found[f"{name}_mib"], found[f"{name}_peak"] = resident("VmRSS") - before, resident("VmHWM") - before
    return result


# --- epochs


def epochs(work: str) -> list[float]:
    """MiB resident after each epoch of `smalti.train`, with all pictures in memory or read anew by two workers."""
    import smalti
    from smalti.data import pictures
    from smalti.data.batches import Batches

    set_start_method("fork", force=True)  # workers as a run has them, not as `alone` starts processes
    seen: list[float] = []
    batches_of = Batches.epoch

    def noting(self: Batches, epoch: int, start: int = 0):
        yield from batches_of(self, epoch, start)
        if self.augment:  # not when it judges
            seen.append(resident("VmRSS"))

    Batches.epoch = noting  # type: ignore[method-assign]
    if work == "streamed":
        pictures.default_memory_limit = lambda: 0
    with tempfile.TemporaryDirectory() as top:
        os.environ["SMALTI_CACHE"] = top
        folder = make_sets(Path(top), 2_000)["folder"]
        for few in sorted(folder.iterdir())[4:]:
            shutil.rmtree(few)  # four classes of 20 pictures
        smalti.train(
            folder, out=Path(top) / "run", epochs=EPOCHS, workers=2, model="vit_nano_patch2_8", report=False, show=False
        )
    return seen[-EPOCHS:]  # before them, rates were tried


if __name__ == "__main__":
    main()

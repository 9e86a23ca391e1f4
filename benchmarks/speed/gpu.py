"""Training step and inference on a GPU beside timm with equal settings: bf16 autocast, `torch.compile`, fused AdamW.

    python benchmarks/speed/gpu.py [--device cuda] [--rounds 5] [--batch 256] [--out gpu.json]

Reports pictures a second, ratios, and the share of the device's own matrix products (8,192 x 8,192, bf16) that the
multiply-adds of the model reach. Needs nothing of the command line's packages.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from interleaved import Work, interleaved
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from training import timm_vit

from smalti.models.vit import PRESETS, ViT, ViTConfig
from smalti.nn.precision import in_precision
from smalti.objectives import Classify
from smalti.train.loop import LoopConfig, train_step
from smalti.train.optim import OptimConfig, build_optimizers
from smalti.train.state import TrainState

SHAPES = {
    "ViT-S/16, 224 px": PRESETS["vit_small_patch16_224"],
    "ViT-B/16, 224 px": PRESETS["vit_base_patch16_224"],
    "32 px, patch 4, 9 x 192": ViTConfig(32, 4, 3, 10, 192, 9, 12),
}


def measure(device: torch.device, batch: int, rounds: int) -> Iterator[dict]:
    """A row a shape, direction and contender."""
    ceiling = product_speed(device)
    yield {"work": "matrix product", "name": "8192 x 8192, bf16", "tflops": ceiling / 1e12}
    for title, config in SHAPES.items():
        images = torch.randn(batch, config.in_chans, *config.size, device=device)
        target = torch.randint(config.num_classes, (batch,), device=device)
        work = count(ViT(config), images[:1].cpu())
        tasks = {
            "training": (
                3 * work,
                {"timm": timm_step(config, images, target), "smalti": our_step(config, images, target)},
            ),
            "inference": (work, {"timm": answer(timm_vit(config), images), "smalti": answer(ViT(config), images)}),
        }
        for direction, (operations, contenders) in tasks.items():
            for row in interleaved({n: synced(w, device) for n, w in contenders.items()}, items=batch, rounds=rounds):
                reached = row["items_per_second"] * operations
                share = {"tflops": reached / 1e12, "share": reached / ceiling}
                yield {"work": f"{direction}: {title}, batch {batch}", **row, **share}


def product_speed(device: torch.device, side: int = 8192) -> float:
    """Operations a second of a large bf16 matrix product."""
    a, b = torch.randn(2, side, side, device=device, dtype=torch.bfloat16).unbind()
    run = synced(lambda: a @ b, device)
    run()
    start = time.perf_counter()
    for _ in range(10):
        run()
    return 10 * 2 * side**3 / (time.perf_counter() - start)


def count(model: nn.Module, image: Tensor) -> float:
    """Operations of a forward pass of one picture."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    return counter.get_total_flops()


def our_step(config: ViTConfig, images: Tensor, target: Tensor) -> Work:
    model = ViT(config).to(images.device)
    model.compile()
    state = TrainState(model, build_optimizers(model, OptimConfig()))
    loop, batch = LoopConfig(batch_size=len(images), precision="bf16"), {"image": images, "target": target}
    return lambda: train_step(state, batch, Classify(), loop, 1.0)


def timm_step(config: ViTConfig, images: Tensor, target: Tensor) -> Work:
    model = timm_vit(config).to(images.device).train()
    model.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        with torch.autocast(images.device.type, torch.bfloat16):
            loss = F.cross_entropy(model(images), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def answer(model: nn.Module, images: Tensor) -> Work:
    model = model.to(images.device).eval()
    model.compile()
    run = in_precision(model, "bf16")
    return torch.inference_mode()(lambda: run(images))


def synced(work: Work, device: torch.device) -> Work:
    def run() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    for row in measure(torch.device(args.device), args.batch, args.rounds):
        print(json.dumps(row), flush=True)
        rows.append(row)
        if args.out:
            args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

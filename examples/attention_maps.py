"""Where does a Vision Transformer look? The attention of its class token, layer by layer, as a figure.

Trains a small plain ViT on handwritten digits for a moment, then draws, for a few pictures it has not seen, how much
the class token attends to each patch. Run it with `python examples/attention_maps.py maps.png`; about 15 seconds on
one core.
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

import smalti
from smalti import data
from smalti.data.check import check
from smalti.data.split import split
from smalti.nn import attention_maps
from smalti.ready import Model, load

RATE = {"optim.lr": 0.002}  # named, so that no time goes into finding one


def class_attention(model: Model, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """How much the class token attends to each patch, (B, h, w) a layer, the mean over heads; and the logits (B, K)."""
    h, w = model.module.grid_size
    with torch.inference_mode(), attention_maps(model.module) as maps:
        logits = model.module(images)
    return [layer.mean(1)[:, 0, 1:].unflatten(1, (h, w)) for layer in maps.values()], logits


def main(figure_path: Path, steps: int = 150, count: int = 5) -> Path:
    """Trains, draws, and returns the path of the figure."""
    with tempfile.TemporaryDirectory() as run:
        settings = {"model": "vit_mini_patch2_8", "steps": steps, "overrides": RATE, "report": False}
        result = smalti.train("digits", out=Path(run) / "run", **settings)
        model = load(result.model, device="cpu")

    source = data.open("digits")
    unseen = split(source, check(source).facts).test[:count]
    images = model.preprocess(source.read(int(i)) for i in unseen)
    layers, logits = class_attention(model, images)

    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.6 * (len(layers) + 1), 1.7 * count), layout="constrained")
    axes = figure.subplots(count, len(layers) + 1, squeeze=False)
    for row, (image, logit) in enumerate(zip(images, logits, strict=True)):
        axes[row, 0].imshow(image[0].numpy(), cmap="gray")
        axes[row, 0].set_ylabel(f"said {model.labels[int(logit.argmax())]}")
        for column, layer in enumerate(layers, start=1):
            axes[row, column].imshow(layer[row].numpy(), cmap="magma", vmin=0)
            axes[0, column].set_title(f"layer {column}")
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(figure_path, dpi=120)
    print(f"saved {figure_path}")
    return figure_path


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "attention_maps.png"))

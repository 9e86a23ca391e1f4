"""From the shell to the first answer, each a fresh process with a warm disk cache: seconds, not pictures a second."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from images import photo
from interleaved import Work, interleaved

SMALTI = str(Path(sys.executable).with_name("smalti"))
TIMM = """
import sys, timm, torch
from PIL import Image
from torchvision import transforms as t
model = timm.create_model("vit_tiny_patch16_224", num_classes=10).eval()
model.load_state_dict(torch.load(sys.argv[1], weights_only=True))
steps = t.Compose([t.Resize(224), t.CenterCrop(224), t.ToTensor(), t.Normalize([0.5] * 3, [0.5] * 3)])
with torch.inference_mode():
    print(model(steps(Image.open(sys.argv[2]).convert("RGB"))[None]).softmax(-1).topk(5))
"""


def measure(rounds: int) -> Iterator[dict]:
    """A row a command."""
    with tempfile.TemporaryDirectory() as folder:
        weights, model, picture = write_models(Path(folder))
        guard = "import smalti._torchvision\n"  # timm does not import without it where torchvision lacks its own ops
        tasks = {
            "predict one picture": {
                "timm script": fresh(sys.executable, "-c", guard + TIMM, weights, picture),
                "smalti predict": fresh(SMALTI, "predict", model, picture),
            },
            "help": {
                "torchrun --help": fresh(str(Path(sys.executable).with_name("torchrun")), "--help"),
                "smalti --help": fresh(SMALTI, "--help"),
            },
        }
        for title, contenders in tasks.items():
            for row in interleaved(contenders, items=1, rounds=rounds, seconds=0.0):
                yield {"work": f"from the shell: {title}", **row}


def write_models(folder: Path) -> tuple[str, str, str]:
    """ViT-Ti/16 with ten classes for timm and for smalti, and a photograph."""
    from smalti.data.preprocess import Preprocess
    from smalti.modelfile import ModelFile, write_model
    from smalti.models import create_model

    torch.manual_seed(0)
    module = create_model("vit_tiny_patch16_224", num_classes=10).eval()
    torch.save(module.state_dict(), folder / "timm.pt")
    rule = Preprocess((224, 224), 3, (0.5,) * 3, (0.5,) * 3, fit="crop")
    write_model(folder / "m.safetensors", ModelFile("vit", module, "classify", tuple("abcdefghij"), rule))
    (folder / "x.jpg").write_bytes(photo(375, 500, 0))
    return str(folder / "timm.pt"), str(folder / "m.safetensors"), str(folder / "x.jpg")


def fresh(*command: str) -> Work:
    """A process that finds the bytecode of its modules, as what pip installs does; the first call, which does not
    count, writes that of a checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(command, check=True, capture_output=True, env=environment)

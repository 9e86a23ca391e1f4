"""Small models of published families, folders of them, and their way out and in again."""

import json

import numpy as np
import torch
from safetensors.torch import save_file

import smalti
from smalti.importing import published_model
from smalti.modelfile import write_model
from smalti.models import FAMILIES, preset_config
from smalti.weights import HUGGINGFACE

PICTURE = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
SMALL = {"embed_dim": 24, "depth": 2, "num_heads": 3}
STAGES = {"embed_dim": 12, "depths": (2, 2), "num_heads": (2, 4)}
HALVES = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 3}


def small(monkeypatch, preset: str, **options) -> str:
    """`preset`, in a size that takes no time."""
    family, config = preset_config(preset, **options)
    monkeypatch.setitem(FAMILIES[family].presets, preset, config)
    return preset


def folder_of(tmp_path, *, preprocessor=None, classes=3, **told):
    """A folder of transformers of a small ViT."""
    torch.manual_seed(0)
    model = smalti.create_model("vit_nano_patch4_32", num_classes=classes)
    torch.nn.init.normal_(model.head.weight)
    state = model.state_dict()
    named = {n if n.startswith("classifier") else f"vit.{n}": t for n, t in HUGGINGFACE["vit"].to_theirs(state).items()}
    tmp_path.mkdir(exist_ok=True)
    save_file(named, tmp_path / "model.safetensors")
    config = {"model_type": "vit", "hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 4}
    (tmp_path / "config.json").write_text(json.dumps({**config, "patch_size": 4, "image_size": 32, **told}))
    if preprocessor:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return tmp_path


def there_and_back(model, tmp_path):
    """Out to each library that has such a class, and in again, are the same weights."""
    write_model(tmp_path / "m.safetensors", model)
    for kind in ("timm", "hf"):
        smalti.export(tmp_path / "m.safetensors", tmp_path / kind, format=kind)
        back = published_model(tmp_path / kind, preset=model.provenance["preset"], img_size=model.processor.img_size)
        assert back.model.labels == model.labels
        state = back.model.module.state_dict()
        assert all(torch.equal(state[name], tensor) for name, tensor in model.module.state_dict().items())

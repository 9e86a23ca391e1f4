"""Weights of timm, made once."""

import pytest
import torch
from safetensors.torch import save_file


@pytest.fixture(scope="session")
def theirs():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3).eval()
    torch.nn.init.normal_(model.head.weight, std=0.2)
    return model


@pytest.fixture(scope="session")
def weights(theirs, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(theirs.state_dict(), path)
    return path

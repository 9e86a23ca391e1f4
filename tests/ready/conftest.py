"""A small ready model, and its file."""

from pathlib import Path

import pytest
from tests.ready.small import LABELS, RULE, network

from smalti.modelfile import ModelFile, write_model
from smalti.ready import Model


@pytest.fixture
def model() -> Model:
    return Model(network(), "classify", LABELS, RULE)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    write_model(tmp_path / "m.safetensors", ModelFile("vit", network(), "classify", LABELS, RULE))
    return tmp_path / "m.safetensors"

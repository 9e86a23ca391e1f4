"""A finished model of pictures, measured outside a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import smalti
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.importing.translated import provenance
from smalti.modelfile import ModelFile, write_model
from smalti.models import create_model
from smalti.ready import Model

MODULE = create_model("vit_nano_patch2_8", num_classes=2, in_chans=1).eval()
RULE = Preprocess((8, 8), 1, (0.5,), (0.5,))
COUNT = sum(parameter.numel() for parameter in MODULE.parameters())


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (provenance("vit_nano_patch2_8", MODULE, {}), f"vit_nano_patch2_8 · {COUNT:,} parameters"),
        ({"preset": "mine"}, ""),  # a module made ready for inference has few left to count
    ],
    ids=["imported", "unknown"],
)
def test_the_page_says_how_many_parameters_the_model_file_has(about: dict[str, Any], said: str, tmp_path: Path):
    for i, label in enumerate("ab" * 5):
        (tmp_path / "photos" / label).mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9 * i).save(tmp_path / "photos" / label / f"{i}.png")
    file = ModelFile("vit", MODULE, "classify", ("a", "b"), RULE, provenance=about)
    write_model(tmp_path / "m", file)
    found = smalti.evaluate(tmp_path / "m", tmp_path / "photos", split="all", report=tmp_path / "r.html", show=False)
    page = (tmp_path / "r.html").read_text("utf-8")
    assert found.n == 10
    assert said in page
    assert (" parameters" in page) == bool(said)


@pytest.mark.parametrize("measure", [smalti.evaluate, smalti.probe])
def test_text_is_not_taken_for_pictures(measure: Callable[..., object], tmp_path: Path):
    (tmp_path / "story.txt").write_text("the cat sat on the mat\n" * 50)
    model = Model(MODULE, "classify", ("a", "b"), RULE)
    with pytest.raises(InputError, match=r"story\.txt: is text, the model is for pictures; name pictures, or a model"):
        measure(model, tmp_path / "story.txt", show=False)


@pytest.mark.parametrize("measure", [smalti.evaluate, smalti.probe])
def test_pictures_of_other_channels_are_refused_as_a_whole(measure: Callable[..., object], tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 4), dtype=np.uint8)
    np.savez(tmp_path / "four.npz", images=images, labels=np.arange(40) % 2)
    model = Model(MODULE, "classify", ("0", "1"), RULE)
    with pytest.raises(InputError, match="the pictures have 4 channels, the model sees 1"):
        measure(model, tmp_path / "four.npz", show=False)

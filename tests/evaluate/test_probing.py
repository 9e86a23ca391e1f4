"""Frozen features measured on a data set."""

from pathlib import Path

import pytest
from PIL import Image

import smalti
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.models import create_model
from smalti.ready import Model


def test_a_set_of_one_class_is_refused(tmp_path: Path):
    for i in range(30):
        (tmp_path / "cat").mkdir(exist_ok=True)
        Image.new("L", (8, 8), 8 * i).save(tmp_path / "cat" / f"{i}.png")
    module = create_model("vit_nano_patch2_8", num_classes=2, in_chans=1)
    model = Model(module, "classify", ("a", "b"), Preprocess((8, 8), 1, (0.5,), (0.5,)))
    with pytest.raises(InputError, match="training pictures are all of one class; give two or more"):
        smalti.probe(model, tmp_path, show=False)

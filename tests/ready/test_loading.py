"""From a file to a model on its device, in its precision, with tokens merged."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from tests.ready.small import LABELS, RULE, network, pixels, same

import smalti
from smalti import modelfile
from smalti.api import predict
from smalti.errors import InputError
from smalti.modelfile import ModelFile, write_model
from smalti.nn._onednn import int8_available
from smalti.nn.merge import MergingBlocks
from smalti.ready import load
from smalti.recipes.training import TrainResult


def test_models_go_where_they_are_told(stored: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def found(name: str | None) -> torch.device:
        asked.append(name)
        return torch.device("cpu")

    monkeypatch.setattr("smalti.ready.loading.find_device", found)
    load(stored)
    load(stored, device="cuda:1")
    list(predict(stored, pixels(), device="cuda"))
    with pytest.raises(InputError, match="16 pictures or more"):
        load(stored, int8=[pixels()])  # a GPU has none
    assert asked == [None, "cuda:1", "cuda", "cpu"]
    with pytest.raises(InputError, match=r"give device to smalti\.load"):
        predict(load(stored), pixels(), device="cpu")


def test_a_precision_that_there_is_not_is_refused(stored: Path):
    with pytest.raises(InputError, match="precision = 'fp16' is not one of fp32, bf16"):
        load(stored, precision="fp16")  # type: ignore[arg-type]


def test_what_is_neither_a_model_nor_the_path_of_one_is_refused(stored: Path, tmp_path: Path):
    result = TrainResult(tmp_path, stored, "classify", {}, 0.0)
    strange: list[Any] = [result, modelfile.read_model(stored), network()]
    asks: list[Any] = [
        smalti.load,
        load,
        lambda model: predict(model, pixels()),
        lambda model: smalti.evaluate(model, "digits"),
        lambda model: smalti.probe(model, "digits"),
        lambda model: smalti.export(model, tmp_path / "out", format="timm"),
    ]
    for ask in asks:
        for model in strange:
            with pytest.raises(InputError, match=f"a {type(model).__name__} where the path of a model is .* as .model"):
                ask(model)
    with pytest.raises(InputError, match="a Model where the path of a model is expected"):
        smalti.export(load(stored), tmp_path / "out", format="timm")  # type: ignore[arg-type]


def test_a_model_file_is_read_once(stored: Path, monkeypatch: pytest.MonkeyPatch):
    opened = []
    monkeypatch.setattr(modelfile, "safe_open", lambda path, **how: opened.append(path) or safe_open(path, **how))
    smalti.load(stored)
    list(predict(stored, pixels()))
    assert opened == [stored, stored]


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    write_model(
        tmp_path / "deep.safetensors", ModelFile("vit", network(depth=3, init="random"), "classify", LABELS, RULE)
    )
    return tmp_path / "deep.safetensors"


def test_merging_goes_with_every_precision(deep: Path):
    pictures = [pixels(i) for i in range(20)]
    exact, none = load(deep, precision="fp32"), load(deep, precision="fp32", merge=0)
    assert all(same(*pair) for pair in zip(exact.predict(pictures), none.predict(pictures), strict=True))
    ways: list[dict[str, Any]] = [{"precision": "fp32"}, {"precision": "bf16"}]
    for way in [*ways, {"int8": pictures}] if int8_available() else ways:
        model = load(deep, merge=3, **way)
        assert isinstance(model.module.blocks[0], MergingBlocks)  # type: ignore[index]
        for one, other in zip(exact.predict(pictures), model.predict(pictures), strict=True):
            assert one.probability != other.probability
            assert one.probability == pytest.approx(other.probability, abs=0.2)


def test_a_model_that_merges_is_not_known_by_the_checksum_of_its_file(deep: Path):
    assert load(deep).checksum
    assert not load(deep, merge=3).checksum  # features of the one are not those of the other


def test_predict_tells_what_merging_gains(deep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "x.png").touch()  # one that cannot be read
    inputs = [pixels(0), tmp_path / "x.png", *(pixels(i) for i in range(1, 40))]
    found = list(predict(deep, iter(inputs), merge=3))
    assert [one.error is None for one in found] == [i != 1 for i in range(41)]
    expected = load(deep, merge=3).predict(inputs)
    assert all(same(a, b) for a, b in zip(found, expected, strict=True) if a.error is None)
    assert "times as fast, on 31 pictures)" in capsys.readouterr().err
    list(predict(deep, pixels(), merge=3, show=False))
    list(predict(deep, tmp_path / "x.png", merge=3))
    assert capsys.readouterr().err == ""
    with pytest.raises(InputError, match=r"loaded already, as it answers; give merge to smalti\.load"):
        predict(load(deep), pixels(), merge=3)

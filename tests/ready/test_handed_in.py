"""Whatever a person hands in takes one way to the network, the way training took."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.ready.small import LABELS, RULE, network, pixels, same, save
from torch import Tensor, nn

from smalti import data
from smalti.data.batches import Batches
from smalti.data.pictures import Pictures
from smalti.errors import InputError
from smalti.evaluate.evaluation import evaluate_on
from smalti.ready import Model


class Watched(nn.Module):
    """Remembers what reached the network."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.seen = inner, []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.clone())
        return self.inner(images)


def test_every_form_of_a_picture_gets_the_same_answer(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch):
    path = save(tmp_path / "in" / "x.png")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(path, "deep/x.png")
    image = Image.fromarray(pixels())
    forms = [path, str(path), tmp_path / "in", tmp_path / "in.zip", pixels(), image, [path], [pixels()], [image, path]]
    answers = [model.predict(form) for form in forms]
    assert [len(answer) for answer in answers] == [1] * 8 + [2]
    first = answers[0][0]
    assert first.error is None
    assert all(same(answer, first) for found in answers for answer in found)
    monkeypatch.chdir(tmp_path)
    assert model.predict("in")[0].file == "in/x.png"
    assert [one.file for one in model.predict([pixels(), "in/x.png", image])] == ["array 0", "in/x.png", "image 2"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16"])
def test_a_picture_in_memory_is_read_as_its_file_would_be(tmp_path: Path, model: Model, mode: str):
    image = Image.fromarray(pixels(1, (9, 12, 4)), "RGBA")
    if mode == "I;16":
        image = Image.fromarray(np.random.default_rng(0).integers(0, 65536, (9, 12), dtype=np.uint16))
    elif mode != "RGBA":
        image = image.convert("RGB").convert(mode)
    path = tmp_path / "x.tif"
    image.save(path)
    assert same(model.predict(image)[0], model.predict(path)[0])


@pytest.mark.parametrize(
    ("dtype", "scale"), [("int32", 1), ("int32", 257), ("float32", 1 / 255), ("float32", 1), ("float32", 257)]
)
def test_the_numbers_of_a_picture_in_memory_are_taken_as_those_of_an_array(
    tmp_path: Path, model: Model, dtype: str, scale: float
):
    grey = pixels(1, (9, 12))
    image = Image.fromarray((grey * np.float64(scale)).astype(dtype))
    assert image.mode in ("I", "F")
    assert same(model.predict(image)[0], model.predict(grey)[0])
    image.save(tmp_path / "x.tif")
    if scale == 257:  # of 16 bits, as the file's numbers are taken
        assert same(model.predict(image)[0], model.predict(tmp_path / "x.tif")[0])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
def test_what_is_transparent_in_a_file_is_so_in_memory(tmp_path: Path, model: Model, mode: str):
    image = Image.fromarray(pixels(1, (9, 12, 3)) // 64 * 64).convert(mode if mode != "I;16" else "L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    key = min(image.getpixel((x, y)) for x in range(image.width) for y in range(image.height))  # no white
    image.save(tmp_path / "x.png", transparency=key)
    opened = Image.open(tmp_path / "x.png")
    assert "transparency" in opened.info
    answer = model.predict(tmp_path / "x.png")[0]
    assert same(model.predict(opened)[0], answer)
    image.save(tmp_path / "plain.png")
    assert model.predict(tmp_path / "plain.png")[0].probability != answer.probability, "it matters"


@pytest.mark.parametrize("codec", ["jpeg", "group4", "tiff_lzw"])
def test_a_picture_in_memory_is_not_packed_as_its_file_was(tmp_path: Path, model: Model, codec: str):
    image = Image.fromarray(pixels()).convert("1" if codec == "group4" else "RGB")
    image.save(tmp_path / "x.tif", compression=codec)
    opened = Image.open(tmp_path / "x.tif")
    assert same(model.predict(opened)[0], model.predict(tmp_path / "x.tif")[0])
    assert model.predict(opened.convert("L"))[0].error is None


def test_a_damaged_picture_in_memory_is_told_and_the_others_are_answered(tmp_path: Path, model: Model):
    Image.fromarray(pixels()).save(tmp_path / "x.png")
    closed = Image.open(tmp_path / "x.png")
    closed.close()
    found = model.predict([pixels(), closed, pixels()])
    assert [one.error is None for one in found] == [True, False, True]


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "RGBX"])
def test_a_picture_in_memory_that_no_file_carries_is_read_as_colour(model: Model, mode: str):
    image = Image.fromarray(pixels()).convert(mode)
    assert same(model.predict(image)[0], model.predict(image.convert("RGB"))[0])


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [("float64", 1 / 255), ("float32", 1 / 255), ("float32", 1), ("int64", 1), ("uint16", 257), ("int32", 257)],
)
def test_the_numbers_of_an_array_are_taken_by_their_kind(model: Model, dtype: str, scale: float):
    values = pixels()
    (found,) = model.predict((values * np.float64(scale)).astype(dtype))
    assert same(found, model.predict(values)[0])


@pytest.mark.parametrize(
    "values", [np.linspace(-2, 2.5, 48), np.linspace(-1, 1, 48), np.arange(48) * 6.0, np.full(48, 1000)]
)
def test_an_array_of_which_no_value_is_known_to_be_white_is_refused(model: Model, values: NDArray[Any]):
    (found,) = model.predict(values.reshape(4, 4, 3))
    assert found.error is not None
    assert "values from" in found.error.cause
    assert found.error.mend == "give uint8, or floats of 0 to 1"


@pytest.mark.parametrize(("white", "values"), [(4095.0, np.arange(48) % 200), (1.0, np.linspace(-0.1, 1.4, 48))])
def test_a_white_that_was_measured_is_that_of_arrays(white: float, values: NDArray[Any]):
    rule = replace(RULE, white=white)
    values = values.reshape(4, 4, 3)
    image = Model(network(), "classify", LABELS, rule).read("array", lambda: values)
    assert isinstance(image, Tensor)
    assert torch.equal(image, rule.load(values))


def test_a_picture_in_memory_is_turned_as_its_file_is(tmp_path: Path, model: Model):
    image, exif = Image.fromarray(pixels()), Image.Exif()
    exif[0x0112] = 6  # on its side
    image.save(tmp_path / "x.png", exif=exif)
    with Image.open(tmp_path / "x.png") as stored:
        turned = model.predict(stored)[0]
    assert same(turned, model.predict(tmp_path / "x.png")[0])
    assert not same(turned, model.predict(image)[0])


def test_the_network_sees_the_same_pixels_on_every_route(tmp_path: Path):
    """The evaluation batches (with a margin kept for crops), evaluate, predict and the Preprocess itself."""
    shapes = [(11, 14, 3), (8, 8, 3), (30, 9, 3), (5, 6), (64, 64, 3), (8, 16)]
    paths = [save(tmp_path / "ab"[i % 2] / f"{i}.png", i, shape) for i, shape in enumerate(shapes)]
    source = data.open(tmp_path)
    order = [source.names.index(str(path.relative_to(tmp_path))) for path in paths]
    expected = RULE([path.read_bytes() for path in paths])

    for margin in (1.0, 1.25):
        loaded = Batches(Pictures(source, RULE, margin=margin), np.array(order), batch_size=4)
        assert torch.equal(torch.cat([batch["image"] for batch in loaded]), expected)
    watched = Watched(network(2))
    model = Model(watched, "classify", source.labels, RULE)
    evaluate_on(model, source, np.array(order), batch_size=4)
    assert torch.equal(torch.cat(watched.seen), expected)
    watched.seen.clear()
    model.predict(paths, batch_size=4)
    assert torch.equal(torch.cat(watched.seen), expected)


def test_a_picture_of_a_phone_is_not_passed_over_in_a_folder(tmp_path: Path, model: Model):
    save(tmp_path / "2.jpg")
    (tmp_path / "1.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    phone, other = model.predict(tmp_path)
    assert phone.error is not None
    assert phone.error.cause.startswith("an HEIC picture")
    assert str(phone.error) == str(model.predict(tmp_path / "1.heic")[0].error)
    assert other.label


@pytest.mark.parametrize("hold", [Path.mkdir, lambda path: zipfile.ZipFile(path, "w").close()], ids=["folder", "zip"])
def test_one_of_many_inputs_that_holds_no_picture_does_not_stop_the_others(
    tmp_path: Path, model: Model, hold: Callable[[Path], Any]
):
    hold(tmp_path / "none.zip")
    with pytest.raises(InputError, match="no pictures found") as alone:
        model.predict(tmp_path / "none.zip")
    found = model.predict([save(tmp_path / "x.png"), tmp_path / "none.zip", pixels()])
    assert [one.file for one in found] == [str(tmp_path / "x.png"), str(tmp_path / "none.zip"), "array 2"]
    assert [one.error is None for one in found] == [True, False, True]
    assert str(found[1].error) == str(alone.value)
    with pytest.raises(InputError, match="no pictures found"):
        model.embed([pixels(), tmp_path / "none.zip"])


@pytest.mark.parametrize("kind", [str, object])
def test_a_column_of_names_is_many_inputs(kind: type, model: Model, tmp_path: Path):
    names = [str(save(tmp_path / f"{i}.png")) for i in range(3)]
    assert [answer.file for answer in model.predict(np.array(names, kind))] == names
    assert model.embed(np.array(names, kind)).shape[0] == 3


def test_pictures_of_other_kinds_in_memory_are_refused_one_by_one(model: Model):
    bad = [np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 7), np.uint8), np.full((4, 4), np.nan), pixels()]
    assert [answer.error is None for answer in model.predict(bad)] == [False, False, False, True]


@pytest.mark.parametrize("kind", [torch.from_numpy, bytes, io.BytesIO, lambda pixels: [None]])
def test_what_is_no_picture_at_all_is_refused_with_what_is(model: Model, kind: Callable[[NDArray[np.uint8]], Any]):
    with pytest.raises(InputError, match="where a picture is expected") as told:
        model.predict(kind(pixels()))
    assert told.value.mend == "give a path, a PIL image or an array (H, W[, C])"


def test_an_animated_file_counts_once(model: Model, tmp_path: Path):
    frames = [Image.fromarray(pixels(i)) for i in range(3)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert len(model.predict(tmp_path / "x.gif")) == 1
    with Image.open(tmp_path / "x.gif") as image:
        assert same(model.predict(image)[0], model.predict(tmp_path / "x.gif")[0])


def test_encoded_bytes_with_a_name(model: Model):
    buffer = io.BytesIO()
    Image.fromarray(pixels()).save(buffer, "PNG")
    (answer,) = model.answers([("upload", buffer.getvalue)])
    assert same(answer, model.predict(pixels())[0])

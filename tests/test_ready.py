"""A ready model: whatever a person hands in takes one way to the network, the way training took."""

import io
import threading
import time
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
from safetensors import safe_open
from torch import Tensor, nn

import smalti
from smalti import data, modelfile
from smalti.api import predict
from smalti.data.batches import Batches
from smalti.data.handed_in import as_pictures
from smalti.data.pictures import Pictures
from smalti.data.preprocess import Preprocess
from smalti.data.views import Views
from smalti.errors import InputError
from smalti.evaluate.evaluation import evaluate_on
from smalti.modelfile import ModelFile, write_model
from smalti.models import create_model
from smalti.nn._onednn import int8_available
from smalti.nn.int8 import Int8Linear
from smalti.nn.merge import MergingBlocks
from smalti.ready import Model, Prediction, load
from smalti.ready.int8 import AGREEMENTS

RULE = Preprocess((8, 8), 3, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
LABELS = ("a", "b", "c")


class Watched(nn.Module):
    """Remembers what reached the network."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.seen = inner, []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.clone())
        return self.inner(images)


def network(outputs: int = len(LABELS), depth: int = 1, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    made = create_model("vit_nano_patch2_8", num_classes=outputs, depth=depth, embed_dim=16, num_heads=2, **options)
    torch.nn.init.normal_(made.head.weight)  # type: ignore[union-attr, arg-type]
    return made.eval()


@pytest.fixture
def model() -> Model:
    return Model(network(), "classify", LABELS, RULE)


def pixels(seed: int = 0, shape: tuple[int, ...] = (11, 14, 3)) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, seed: int = 0, shape: tuple[int, ...] = (11, 14, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, shape)).save(path)
    return path


def same(one: Prediction, other: Prediction) -> bool:
    """Equal but for the name, and for how a batch of another size is rounded."""
    return one.label == other.label and one.values == pytest.approx(other.values, abs=1e-6)


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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_a_picture_in_memory_is_read_as_its_file_would_be(tmp_path: Path, model: Model, mode: str):
    image = Image.fromarray(pixels(1, (9, 12, 4)), "RGBA")
    if mode == "I;16":
        image = Image.fromarray(np.random.default_rng(0).integers(0, 65536, (9, 12), dtype=np.uint16))
    elif mode != "RGBA":
        image = image.convert("RGB").convert(mode)
    path = tmp_path / "x.tif"
    image.save(path)
    assert same(model.predict(image)[0], model.predict(path)[0])


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


def test_answers_are_probabilities_best_first(model: Model):
    (answer,) = model.predict(pixels(), top=2)
    assert answer.values is not None
    assert sum(answer.values.values()) == pytest.approx(1)
    assert set(answer.values) == set(LABELS)
    ranked = sorted(answer.values.items(), key=lambda item: -item[1])
    assert answer.top == tuple(ranked[:2])
    assert (answer.label, answer.probability) == ranked[0]
    assert answer.to_dict() == {
        "file": "array",
        "label": answer.label,
        "probability": answer.probability,
        "top": [list(one) for one in ranked[:2]],
    }


def test_answers_do_not_depend_on_the_batch(model: Model):
    many = [pixels(i) for i in range(7)]
    alone = [model.predict(one)[0] for one in many]
    for size in (1, 3, 32):
        for one, other in zip(model.predict(many, batch_size=size), alone, strict=True):
            assert same(one, other)


def test_mirror_images_are_averaged_where_the_model_says_so(model: Model):
    both = Model(model.module, "classify", LABELS, RULE, views=Views(mirror=True))
    image = RULE([pixels()])
    mean = (model.outputs(image) + model.outputs(image.flip(-1))) / 2
    torch.testing.assert_close(both.outputs(image), mean)
    assert not torch.allclose(both.outputs(image), model.outputs(image))


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    write_model(tmp_path / "m.safetensors", ModelFile("vit", network(), "classify", LABELS, RULE))
    return tmp_path / "m.safetensors"


INT8 = pytest.mark.skipif(not int8_available(), reason="this CPU or torch has no int8 kernels")


@INT8
def test_int8_is_calibrated_on_pictures_and_keeps_their_answers(stored: Path):
    pictures = [pixels(i) for i in range(20)]
    exact, found = load(stored, precision="fp32"), load(stored, int8=pictures)
    assert any(isinstance(part, Int8Linear) for part in found.module.modules())
    for one, other in zip(exact.predict(pictures), found.predict(pictures), strict=True):
        assert one.probability == pytest.approx(other.probability, abs=0.05)


@INT8
@pytest.mark.parametrize(("kept", "said"), [(0.95, "95.0%"), (-3.2, "0.0%")])  # of numbers it may be below nothing
def test_int8_that_changes_answers_is_refused(kept: float, said: str, stored: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(AGREEMENTS, "classify", lambda exact, found: kept)
    with pytest.raises(InputError, match=rf"int8 keeps {said} of the answers to 20 pictures, fewer than 98%"):
        load(stored, int8=[pixels(i) for i in range(20)])


def test_a_picture_to_calibrate_on_that_cannot_be_read_is_named(stored: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere\.png: cannot be read"):
        load(stored, int8="nowhere.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match=r"empty\.png: .*zero bytes"):
        load(stored, int8=[pixels(), tmp_path / "empty.png"])


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


def test_a_model_file_is_read_once(stored: Path, monkeypatch: pytest.MonkeyPatch):
    opened = []
    monkeypatch.setattr(modelfile, "safe_open", lambda path, **how: opened.append(path) or safe_open(path, **how))
    smalti.load(stored)
    list(predict(stored, pixels()))
    assert opened == [stored, stored]


def test_too_few_pictures_to_calibrate_on_are_refused(stored: Path):
    with pytest.raises(InputError, match="16 pictures or more, not 3"):
        load(stored, int8=[pixels(i) for i in range(3)])
    with pytest.raises(InputError, match="exclude each other"):
        load(stored, precision="bf16", int8=[pixels()])


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


@pytest.mark.parametrize("task", ["classify", "multilabel", "regress"])
def test_agreement_is_one_for_equal_answers_and_falls(task: str):
    answers = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    assert AGREEMENTS[task](answers, answers) == 1
    assert AGREEMENTS[task](answers, answers.roll(1, 0)) < 0.7


def test_several_labels(model: Model):
    module = network()
    with torch.no_grad():
        module.head.weight.zero_()  # type: ignore[union-attr]
        module.head.bias.copy_(torch.tensor([2.0, -3.0, 1.0]))  # type: ignore[union-attr]
    (answer,) = Model(module, "multilabel", LABELS, RULE).predict(pixels())
    assert answer.label == "a, c"
    assert answer.probability == pytest.approx(torch.tensor(1.0).sigmoid().item())
    assert [label for label, _ in answer.top] == ["a", "c", "b"]
    with torch.no_grad():
        module.head.bias.fill_(-4.0)  # type: ignore[union-attr]
    (answer,) = Model(module, "multilabel", LABELS, RULE).predict(pixels())
    assert answer.label == ""
    assert answer.probability == pytest.approx(torch.tensor(4.0).sigmoid().item())


def test_numbers(model: Model):
    module = network(2)
    with torch.no_grad():
        module.head.weight.zero_()  # type: ignore[union-attr]
        module.head.bias.copy_(torch.tensor([21.5, -3.0]))  # type: ignore[union-attr]
    (answer,) = Model(module, "regress", ("age", "weight"), RULE).predict(pixels())
    assert answer.values == {"age": 21.5, "weight": -3.0}
    assert answer.to_dict() == {"file": "array", "values": {"age": 21.5, "weight": -3.0}}


def test_features(tmp_path: Path, model: Model):
    found = model.embed([pixels(0), save(tmp_path / "x.png", 1), pixels(2)])
    assert found.shape == (3, 16)
    assert found.dtype == torch.float32
    with torch.no_grad():
        logits = model.module.head(found)  # type: ignore[operator]
    expected = model.outputs(RULE([pixels(i) for i in range(3)]))
    torch.testing.assert_close(logits.softmax(-1), expected)
    many, sizes = [pixels(i) for i in range(70)], []
    model.module.forward_pooled = lambda images: sizes.append(len(images)) or images.mean((2, 3))  # type: ignore[assignment]
    torch.testing.assert_close(model.embed(many), RULE(many).mean((2, 3)))
    assert sizes == [32, 32, 6]
    with pytest.raises(InputError, match=r"gone\.png: cannot be read"):
        model.embed([pixels(0), tmp_path / "gone.png"])
    with pytest.raises(InputError, match="no pictures to embed"):
        model.embed([])


def test_a_picture_that_cannot_be_read_has_an_error_and_the_others_an_answer(tmp_path: Path, model: Model):
    good = save(tmp_path / "good.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:100])
    names = [good, tmp_path / "empty.png", tmp_path / "gone.png", tmp_path / "cut.png", good]
    answers = model.predict(names, batch_size=2)
    assert [answer.file for answer in answers] == [str(name) for name in names]
    assert [answer.error is None for answer in answers] == [True, False, False, False, True]
    for answer in answers[1:4]:
        error = answer.to_dict()["error"]
        assert error["cause"]
        assert error["mend"]
    assert "zero bytes" in answers[1].to_dict()["error"]["cause"]
    assert same(answers[0], answers[4])


def test_a_picture_of_a_phone_is_not_passed_over_in_a_folder(tmp_path: Path, model: Model):
    save(tmp_path / "2.jpg")
    (tmp_path / "1.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    phone, other = model.predict(tmp_path)
    assert phone.error is not None
    assert phone.error.cause.startswith("an HEIC picture")
    assert str(phone.error) == str(model.predict(tmp_path / "1.heic")[0].error)
    assert other.label


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


def test_answers_come_as_they_are_ready(model: Model):
    asked = []

    def pictures() -> Any:
        for i in range(100):
            asked.append(i)
            yield str(i), lambda i=i: pixels(i)

    stream = model.stream(pictures(), batch_size=4)
    assert next(stream).file == "0"
    assert len(asked) == 4


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The name of each picture that is read, and whether by the main thread."""
    seen: list[tuple[str, bool]] = []
    read = Model.read

    def noting(self: Model, name: str, reading: Callable[[], Any]) -> Any:
        seen.append((name, threading.current_thread() is threading.main_thread()))
        return read(self, name, reading)

    monkeypatch.setattr(Model, "read", noting)
    return seen


def test_pictures_that_take_long_are_read_by_threads(tmp_path: Path, model: Model, readers, monkeypatch):
    paths: list[Any] = [save(tmp_path / f"{i}.png", seed=i) for i in range(12)]
    paths[7].write_bytes(b"no picture")
    monkeypatch.setattr("smalti.ready.model.SLOW", float("inf"))  # a busy machine is slow at anything
    alone = model.predict(paths, batch_size=5)
    features = model.embed(paths[:6])
    assert all(main for _, main in readers)
    readers.clear()

    monkeypatch.setattr("smalti.ready.model.SLOW", 0.0)
    together = model.predict(paths, batch_size=5)
    assert [main for name, main in readers if name in map(str, paths[:5])] == [True] * 5  # the first tell how long
    assert not any(main for name, main in readers if name in map(str, paths[5:]))
    assert [(one.file, one.values) for one in together] == [(one.file, one.values) for one in alone]
    assert [one.error is not None for one in together] == [i == 7 for i in range(12)]

    monkeypatch.setattr("smalti.ready.model.EMBEDDED", 2)
    torch.testing.assert_close(model.embed(paths[:6]), features)
    with pytest.raises(InputError, match=r"7\.png"):
        model.embed(paths)


def test_many_pictures_are_answered_with_the_threads_that_are_free(model: Model, monkeypatch):
    """A few are not worth the look."""
    monkeypatch.setattr("smalti.ready.model.free_threads", lambda most: most - 1)
    numbers, threads = [], torch.get_num_threads()
    outputs = model.outputs
    monkeypatch.setattr(model, "outputs", lambda images: numbers.append(torch.get_num_threads()) or outputs(images))
    torch.set_num_threads(3)
    try:
        answers = model.stream(as_pictures([pixels()] * 6), batch_size=1)
        between = [torch.get_num_threads() for _ in answers]  # whoever takes an answer has their own
    finally:
        torch.set_num_threads(threads)
    assert numbers == [3, 3, 3, 3, 2, 2]
    assert between == [3] * 6


def test_one_picture_in_memory_may_be_handed_in_often(model: Model, monkeypatch):
    """Pillow loads a file when it is first asked for pixels, which two threads must not do at once."""
    monkeypatch.setattr("smalti.ready.model.SLOW", 0.0)
    file = io.BytesIO()
    Image.fromarray(pixels(shape=(300, 400, 3))).save(file, "PNG")
    image, busy = Image.open(file), [0]
    load = image.load

    def alone(*args: Any) -> Any:
        busy[0] += 1
        assert busy[0] == 1
        time.sleep(0.001)
        busy[0] -= 1
        return load(*args)

    monkeypatch.setattr(image, "load", alone)
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        answers = model.predict([image] * 40, batch_size=4)
    finally:
        torch.set_num_threads(threads)
    assert all(same(answer, answers[0]) for answer in answers)


def test_an_animated_file_counts_once(model: Model, tmp_path: Path):
    frames = [Image.fromarray(pixels(i)) for i in range(3)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert len(model.predict(tmp_path / "x.gif")) == 1
    with Image.open(tmp_path / "x.gif") as image:
        assert same(model.predict(image)[0], model.predict(tmp_path / "x.gif")[0])


def test_encoded_bytes_through_the_stream(model: Model):
    buffer = io.BytesIO()
    Image.fromarray(pixels()).save(buffer, "PNG")
    (answer,) = model.stream([("upload", buffer.getvalue)])
    assert same(answer, model.predict(pixels())[0])

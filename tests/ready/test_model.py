"""Answers of a ready model: for every task, in batches, of pictures that cannot be read, by threads."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.ready.small import LABELS, RULE, network, pixels, same, save

from smalti.data.views import Views
from smalti.errors import InputError
from smalti.ready import Model


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


def test_answers_come_as_they_are_ready(model: Model):
    asked = []

    def pictures() -> Any:
        for i in range(100):
            asked.append(i)
            yield pixels(i)

    stream = model.stream(pictures(), batch_size=4)
    assert next(stream).file == "array 0"
    assert len(asked) == 4


def test_the_stream_takes_what_predict_takes(tmp_path: Path, model: Model):
    for inputs in (save(tmp_path / "x.png"), tmp_path, pixels(), [str(tmp_path), pixels()]):
        assert list(model.stream(inputs)) == model.predict(inputs)


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
        answers = model.stream([pixels()] * 6, batch_size=1)
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

import json
from pathlib import Path

import numpy as np
import pytest
from tests.data.problems.looking import Memory

from smalti.data.check import check
from smalti.data.opening import open as open_data
from smalti.data.source import UNASSIGNED, Source
from smalti.errors import InputError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def source_of(pictures, targets=None, *, task="classify", labels=("a", "b"), splits=None, notes=()):
    n = len(pictures)
    return Source(
        name="set",
        task=task,
        labels=labels,
        names=[f"{i}.png" for i in range(n)],
        targets=np.arange(n) % 2 if targets is None else np.asarray(targets),
        splits=np.full(n, UNASSIGNED, np.int8) if splits is None else np.asarray(splits, np.int8),
        storage=Memory(pictures),
        notes=notes,
    )


def noise(n, *shape, high=256, dtype=np.uint8, seed=0):
    return list(np.random.default_rng(seed).integers(0, high, (n, *shape)).astype(dtype))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path))


def test_a_sound_set():
    found = check(source_of(noise(20, 10, 12, 3), splits=[0] * 12 + [1] * 4 + [2] * 4))
    assert found.problems == ()
    assert found.trainable
    assert found.counts.tolist() == [[6, 6], [2, 2], [2, 2], [0, 0]]
    assert found.splits.tolist() == [12, 4, 4, 0]
    assert found.sizes.tolist() == [[10, 12]] * 3
    assert (found.channels, found.bits, found.imbalance) == (3, 8, 1.0)
    found.demand()


def test_json_keeps_its_shape():
    found = check(source_of([*noise(20, 10, 12, 3), b"damaged"], notes=("link.png skipped: a link that loops",)))
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert said["n"] == 21
    assert said["readable"] == 20
    assert said["classes"] == {"a": 10, "b": 10}
    assert said["splits"] == {"unassigned": {"n": 20, "classes": {"a": 10, "b": 10}}}
    assert said["trainable"] is False
    assert said["sizes"] == {"smallest": [10, 12], "median": [10, 12], "largest": [10, 12]}
    first, last = said["problems"]
    assert {"kind", "file", "cause", "mend"} <= first.keys()
    assert (first["kind"], first["file"], first["fatal"]) == ("unreadable", "20.png", True)
    assert (last["kind"], last["cause"], last["fatal"]) == ("note", "link.png skipped: a link that loops", False)


def test_mean_and_deviation_are_those_of_all_pixels():
    pictures = noise(50, 8, 9, 3)
    found = check(source_of(pictures))
    pixels = np.stack(pictures) / 255
    np.testing.assert_allclose(found.mean, pixels.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(found.std, pixels.std((0, 1, 2)), atol=1e-6)


def test_grey_among_colour_counts_as_equal_channels():
    colour, grey = noise(10, 8, 8, 3), noise(4, 8, 8)
    found = check(source_of(colour + grey))
    pixels = np.stack([*colour, *(np.dstack([g] * 3) for g in grey)]) / 255
    assert found.channels == 3
    np.testing.assert_allclose(found.mean, pixels.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(found.std, pixels.std((0, 1, 2)), atol=1e-6)


def test_grey_saved_as_colour_stays_one_channel():
    found = check(source_of([np.dstack([g] * 3) for g in noise(10, 8, 8)]))
    assert found.channels == 1
    assert len(found.mean) == len(found.std) == 1
    found = check(source_of([np.dstack([g] * 3) for g in noise(10, 8, 8)] + noise(1, 8, 8, 3)))
    assert found.channels == 3


def test_pictures_with_many_bands_keep_them():
    found = check(source_of(noise(6, 8, 8, 5)))
    assert found.channels == len(found.mean) == 5
    assert found.trainable


@pytest.mark.parametrize(
    ("high", "dtype", "white"),
    [
        (200, np.uint16, 255.0),
        (1024, np.uint16, 1023.0),
        (4000, np.uint16, 4095.0),
        (16000, np.int32, 16383.0),
        (65000, np.uint16, 65535.0),
        (2**23, np.int32, 2.0**24 - 1),
    ],
)
def test_white_is_the_smallest_level_that_holds_all(high, dtype, white):
    pictures = noise(8, 16, 16, high=high, dtype=dtype)
    found = check(source_of(pictures))
    assert found.white == white
    np.testing.assert_allclose(found.mean[0], np.stack(pictures).mean() / white, atol=1e-6)
    np.testing.assert_allclose(found.std[0], np.stack(pictures).std() / white, atol=1e-6)


def test_float_pictures_in_the_unit_range_have_white_one():
    pictures = [p.astype(np.float32) / 255 for p in noise(8, 16, 16)]
    assert check(source_of(pictures)).white == 1.0
    assert check(source_of([p * 1e10 for p in pictures])).white == pytest.approx(1e10, rel=0.01)


@pytest.mark.parametrize(("peak", "white"), [(1.0000001, 1.0), (1.015, 1.0), (1.3, 1.3), (20.0, 20.0), (100.0, 255.0)])
def test_float_pictures_just_above_a_level_do_not_become_black(peak, white):
    pictures = [p.astype(np.float32) / 255 * peak for p in noise(8, 16, 16)]
    assert check(source_of(pictures)).white == pytest.approx(white)


@pytest.mark.parametrize(("peak", "white"), [(300, 1023.0), (1100, 4095.0), (5000, 16383.0), (70000, 70000.0)])
def test_dark_deep_pictures_keep_a_level_they_are_seen_at(peak, white):
    pictures = noise(8, 16, 16, high=peak, dtype=np.int32)
    pictures[0][0, 0] = peak
    assert check(source_of(pictures)).white == white


def test_one_value_everywhere_does_not_divide_by_zero():
    found = check(source_of([np.full((8 + i, 8), 7, np.uint8) for i in range(4)]))
    assert found.mean == pytest.approx((7 / 255,), abs=1e-6)
    assert found.std == pytest.approx((1 / 255,), abs=1e-6)


def test_what_may_be_allowed():
    pictures = noise(20, 8, 8)
    pictures[15] = pictures[3].copy()
    pictures[6] = b"damaged"
    found = check(source_of(pictures, splits=[0] * 14 + [2] * 6))
    assert [problem.kind for problem in found.fatal()] == ["unreadable", "leak"]
    assert [problem.kind for problem in found.fatal(bad_images="skip")] == ["leak"]
    assert [problem.kind for problem in found.fatal(leaks="drop")] == ["unreadable"]
    found.demand(bad_images="skip", leaks="drop")
    with pytest.raises(InputError) as refusal:
        found.demand()
    assert refusal.value.where == "6.png"
    assert "1 more" in refusal.value.why
    assert "--bad-images skip" in refusal.value.mend
    with pytest.raises(InputError, match=r"the same picture is in test: 15\.png") as refusal:
        found.demand(bad_images="skip")
    assert refusal.value.why == ""


def test_nothing_readable_cannot_be_skipped():
    found = check(source_of([b"damaged", b""]))
    assert found.sizes.tolist() == [[0, 0]] * 3
    assert [problem.kind for problem in found.fatal(bad_images="skip")] == ["missing_split"]
    json.dumps(found.to_dict(), allow_nan=False)


def test_regression_and_multilabel():
    found = check(source_of(noise(6, 8, 8), [[v] for v in range(6)], task="regress", labels=("age",)))
    assert found.to_dict()["classes"] == {}
    assert found.imbalance == 1.0
    assert found.trainable
    targets = np.array([[1, 1], [1, 0], [1, 0], [0, 0]], np.float32)
    found = check(source_of(noise(4, 8, 8), targets, task="multilabel"))
    assert found.to_dict()["classes"] == {"a": 3, "b": 1}
    assert found.imbalance == 3.0
    assert found.trainable


@pytest.mark.parametrize(
    ("name", "n", "channels", "kinds"),
    [
        ("gtsrb-subset.zip", 2663, 3, {"imbalance", "note"}),
        ("pneumoniamnist.npz", 5856, 1, {"leak", "duplicate"}),
        ("mnist", 70000, 1, set()),
    ],
)
def test_real_sets_can_be_trained_on(name, n, channels, kinds):
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not there")
    found = check(open_data(SHARED / name))
    assert (found.n, found.channels, found.trainable) == (n, channels, True)
    assert int(found.splits.sum()) == n, "every picture of these sets can be read"
    assert {problem.kind for problem in found.problems} == kinds
    if name == "mnist":
        assert found.mean == pytest.approx((0.1307,), abs=0.002)  # the published values, over all of train
        assert found.std == pytest.approx((0.3081,), abs=0.002)
    if name == "pneumoniamnist.npz":
        assert sum(problem.kind == "leak" for problem in found.problems) == 8

import itertools
import random
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.data.held import RULE, STREAM, source

from smalti.data.augment import AugmentConfig, augment
from smalti.data.batches import Batches, step_size
from smalti.data.mixing import MixConfig, mix
from smalti.data.pictures import Pictures
from smalti.errors import InputError


def equal(a, b):
    return len(a) == len(b) and all(
        x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x) for x, y in zip(a, b, strict=True)
    )


CONFIG = AugmentConfig(crop="resized", flip="alternate", rotate=10, brightness=0.2, auto="trivial", erase=0.3)


class TestBatches:
    def test_shapes_types_and_targets(self):
        batches = Batches(Pictures(source(), RULE), np.arange(3, 30), batch_size=8)
        found = list(batches.epoch(0))
        assert len(found) == len(batches) == 4
        assert [len(b["image"]) for b in found] == [8, 8, 8, 3]
        assert {(b["image"].dtype, b["target"].dtype, b["id"].dtype) for b in found} == {
            (torch.float32, torch.int64, torch.int64)
        }
        assert torch.cat([b["id"] for b in found]).tolist() == list(range(3, 30))
        assert all(torch.equal(b["target"], b["id"] % 5) for b in found)

    @pytest.mark.parametrize("memory_limit", [STREAM, None])
    @pytest.mark.parametrize("margin", [1.0, 1.3])
    def test_the_evaluation_view_is_preprocess_load_to_the_pixel(self, memory_limit, margin):
        data = source()
        pictures = Pictures(data, RULE, margin=margin, memory_limit=memory_limit, workers=0)
        train = Batches(pictures, np.arange(20), batch_size=8, augment=CONFIG, shuffle=True)
        list(train.epoch(0))
        for batch in train.evaluation(np.arange(37)[::-1].copy()).epoch(0):
            for image, i in zip(batch["image"], batch["id"].tolist(), strict=True):
                assert torch.equal(image, RULE([data.read(i)])[0])

    @pytest.mark.parametrize("config", [None, CONFIG])
    def test_images_are_scaled_once_they_are_varied(self, config):
        make = partial(Batches, Pictures(source(), RULE, margin=1.3), np.arange(8), batch_size=8, augment=config)
        (whole,), (scaled,) = list(make()), list(make(out_size=(6, 5)))
        expected = F.interpolate(whole["image"], (6, 5), mode="bilinear", antialias=True)
        assert torch.equal(scaled["image"], expected)
        (judged,) = make(out_size=(6, 5)).evaluation(np.arange(8))
        assert judged["image"].shape == (8, 3, 6, 5)

    def test_every_order_is_a_pure_permutation(self):
        data = source()
        make = lambda seed: Batches(Pictures(data, RULE), np.arange(5, 35), batch_size=7, seed=seed, shuffle=True)  # noqa: E731
        ids = lambda batches, epoch: torch.cat([b["id"] for b in batches.epoch(epoch)]).tolist()  # noqa: E731
        batches = make(0)
        orders = [ids(batches, epoch) for epoch in range(3)]
        assert all(sorted(order) == list(range(5, 35)) for order in orders)
        assert orders[0] != orders[1] != orders[2]
        assert ids(make(0), 1) == orders[1]
        assert ids(make(1), 1) != orders[1]

    def test_classes_can_be_drawn_evenly(self):
        data = source(targets=np.array([0] * 30 + [1] * 5 + [2] * 2))
        batches = Batches(
            Pictures(data, RULE), np.arange(37), batch_size=6, shuffle=True, classes=data.targets, drop_last=True
        )
        assert len(batches) == 6  # an epoch stays as long as it was
        for batch in batches.epoch(3):
            assert torch.bincount(batch["target"], minlength=3).tolist() == [2, 2, 2]

    @pytest.mark.parametrize(("limit", "workers"), [(None, 0), (STREAM, 0), (STREAM, 2)])
    def test_drawn_evenly_an_epoch_can_be_entered_anywhere_with_any_workers(self, limit, workers):
        data = source(targets=np.array([0] * 30 + [1] * 5 + [2] * 2))
        make = lambda limit, workers: Batches(  # noqa: E731
            Pictures(data, RULE, memory_limit=limit, workers=workers),
            np.arange(37),
            batch_size=6,
            seed=4,
            augment=CONFIG,
            shuffle=True,
            classes=data.targets,
        )
        whole = list(make(None, 0).epoch(2))
        batches = make(limit, workers)
        assert equal(list(batches.epoch(2)), whole)
        assert equal(list(batches.epoch(2, start=4)), whole[4:])

    def test_a_picture_that_comes_again_in_an_epoch_is_varied_anew(self):
        data = source(targets=np.array([0] * 30 + [1] * 7))
        every = np.arange(37)
        config = AugmentConfig(brightness=0.3)
        batches = Batches(
            Pictures(data, RULE), every, batch_size=37, augment=config, shuffle=True, classes=data.targets
        )
        (batch,) = batches.epoch(0)
        rare = [batch["image"][batch["id"] == i] for i in range(30, 37)]
        assert all(len(seen) in (2, 3) for seen in rare)
        assert not any(torch.equal(a, b) for seen in rare for a, b in itertools.combinations(seen, 2))
        once = Batches(Pictures(data, RULE), every, batch_size=37, augment=config)
        (plain,) = once.epoch(0)
        first = [int((batch["id"] == i).nonzero()[0]) for i in range(30, 37)]
        assert torch.equal(batch["image"][first], plain["image"][30:])  # the first time it is varied as ever

    def test_augmentation_is_the_function_of_seed_epoch_and_id(self):
        data = source()
        config = AugmentConfig(crop="pad", crop_pad=2, flip="random", contrast=0.3)
        batches = Batches(Pictures(data, RULE), np.arange(37), batch_size=5, seed=9, augment=config, shuffle=True)
        for batch in batches.epoch(4):
            for image, i in zip(batch["image"], batch["id"].tolist(), strict=True):
                alone = augment(RULE.load(data.read(i))[None], [i], config=config, out_size=(12, 10), seed=9, epoch=4)
                assert torch.equal(image, RULE.normalize(alone)[0])

    def test_a_margin_gives_crops_more_pixels(self):
        pictures = Pictures(source(), RULE, margin=1.25)
        assert pictures.size == (15, 13)
        batch = next(Batches(pictures, np.arange(9), batch_size=9, augment=CONFIG).epoch(0))
        assert batch["image"].shape == (9, 3, 12, 10)
        stored = torch.stack([RULE.with_size((15, 13)).load(pictures.source.read(i)) for i in range(9)])
        expected = augment(stored, np.arange(9), config=CONFIG, out_size=(12, 10), seed=0, epoch=0)
        assert torch.equal(batch["image"], RULE.normalize(expected))

    @pytest.mark.parametrize(
        ("n", "drop", "sizes"),
        [
            (37, True, [8, 8, 8, 8]),
            (5, True, [5]),
            (9, True, [5, 4]),
            (31, True, [8, 8, 8, 7]),
            (20, False, [8, 8, 4]),
            (16, True, [8, 8]),
        ],
    )
    def test_a_rest_is_left_out_where_it_is_a_small_part(self, n, drop, sizes):
        batches = Batches(Pictures(source(), RULE), np.arange(n), batch_size=8, drop_last=drop, shuffle=True)
        assert [len(b["id"]) for b in batches.epoch(0)] == sizes
        assert len(batches) == len(sizes)

    def test_targets_of_other_tasks_are_float(self):
        targets = np.arange(37 * 5).reshape(37, 5) % 2
        many = Batches(Pictures(source(task="multilabel", targets=targets), RULE), np.arange(8), batch_size=8)
        batch = next(many.epoch(0))
        assert batch["target"].dtype == torch.float32
        assert batch["target"].tolist() == targets[:8].tolist()

    def test_batch_transform_gets_epoch_and_step(self):
        calls = []

        def transform(batch, epoch, step):
            calls.append((epoch, step))
            return mix(batch, MixConfig(mixup=0.5), num_classes=5, seed=0, step=step)

        batches = Batches(Pictures(source(), RULE), np.arange(20), batch_size=8, batch_transform=transform)
        assert [b["target"].shape for b in batches.epoch(3, start=1)] == [(8, 5), (4, 5)]
        assert calls == [(3, 1), (3, 2)]

    def test_nothing_to_load_is_refused(self):
        with pytest.raises(InputError, match="no pictures"):
            Batches(Pictures(source(), RULE), [], batch_size=8)
        with pytest.raises(InputError, match="batch_size 0"):
            Batches(Pictures(source(), RULE), [1], batch_size=0)
        with pytest.raises(InputError, match="margin"):
            Pictures(source(), RULE, margin=0.9)

    def test_global_random_states_stay(self):
        def states():
            return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()

        before = states()
        for limit, workers in [(None, 2), (STREAM, 0), (STREAM, 1)]:
            pictures = Pictures(source(), RULE, memory_limit=limit, workers=workers)
            list(Batches(pictures, np.arange(20), batch_size=8, augment=CONFIG, shuffle=True).epoch(0))
        assert states() == before


def varied(data, *, limit=None, workers=None, background=False):
    pictures = Pictures(data, RULE, margin=1.3, memory_limit=limit, workers=workers)
    return Batches(pictures, np.arange(37), batch_size=5, seed=3, augment=CONFIG, shuffle=True, background=background)


@pytest.fixture(scope="module")
def data():
    return source()


@pytest.fixture(scope="module")
def expected(data):
    return [list(varied(data).epoch(epoch)) for epoch in range(2)]


class TestBitEqual:
    """Memory or stream, any number of workers, in the background or not, from any step: the same bits."""

    @pytest.mark.parametrize(("limit", "workers"), [(None, 1), (None, 3), (STREAM, 0), (STREAM, 1), (STREAM, 3)])
    @pytest.mark.parametrize("background", [False, True])
    def test_whole_epochs(self, data, expected, limit, workers, background):
        batches = varied(data, limit=limit, workers=workers, background=background)
        assert all(equal(list(batches.epoch(epoch)), expected[epoch]) for epoch in range(2))
        assert batches.pictures.holds(np.arange(37)) == (limit is None)

    @pytest.mark.parametrize(("limit", "workers"), [(None, 2), (STREAM, 0), (STREAM, 2)])
    @pytest.mark.parametrize("start", [1, 7, 8])
    def test_from_the_middle(self, data, expected, limit, workers, start):
        batches = varied(data, limit=limit, workers=workers)
        assert equal(list(batches.epoch(1, start=start)), expected[1][start:])

    def test_skipped_steps_are_not_read(self):
        data = source()
        batches = varied(data, limit=STREAM, workers=0)
        rest = torch.cat([b["id"] for b in batches.epoch(1, start=6)]).tolist()
        assert data.storage.reads == rest

    def test_interleaved_iterators(self, data, expected):
        batches = varied(data, limit=STREAM, workers=1)
        found = list(zip(batches.epoch(0), batches.epoch(1), strict=True))
        assert equal([a for a, _ in found], expected[0])
        assert equal([b for _, b in found], expected[1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_on_a_cuda_device(data):
    pictures = Pictures(data, RULE, margin=1.3)
    make = lambda **k: Batches(pictures, np.arange(37), batch_size=5, augment=CONFIG, shuffle=True, **k)  # noqa: E731
    there, again = list(make(device="cuda").epoch(0)), list(make(device="cuda", background=False).epoch(0))
    assert make(device="cuda").background
    assert {b[k].device.type for b in there for k in b} == {"cuda"}
    assert equal(there, again)
    for a, b in zip(there, make().epoch(0), strict=True):
        assert torch.equal(a["id"].cpu(), b["id"])
        assert torch.equal(a["target"].cpu(), b["target"])
        assert ((a["image"].cpu() - b["image"]).abs() < 1.01 / 255 / 0.2).float().mean() > 0.97
    plain = make(device="cuda").evaluation(np.arange(37))
    for batch in plain.epoch(0):
        expected = RULE([data.read(i) for i in batch["id"].tolist()])
        torch.testing.assert_close(batch["image"].cpu(), expected)


@pytest.mark.parametrize(("batch_size", "expected"), [(3, 3), (64, 5), (4, 3)])
def test_a_step_takes_no_more_than_there_is(batch_size, expected):
    assert step_size(5, batch_size) == expected  # five are two steps of four, or of three

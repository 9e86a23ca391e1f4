import random
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.data import geometry
from smalti.data.augment import AugmentConfig, augment
from smalti.data.geometry import flip, pad_crop
from smalti.data.randomness import uniforms
from smalti.errors import InputError

PAD_FLIP = AugmentConfig(crop="pad", flip="alternate")
AFFINE = AugmentConfig(rotate=20, translate=0.1, zoom=(0.8, 1.2))
EVERYTHING = AugmentConfig(
    crop="resized", flip="random", rotate=15, translate=0.1, zoom=(0.9, 1.1), brightness=0.3, contrast=0.3,
    saturation=0.3, hue=0.1, auto="rand", erase=0.5, erase_fill="noise",
)  # fmt: skip
CONFIGS = {
    "pad": AugmentConfig(crop="pad"),
    "resized": AugmentConfig(crop="resized"),
    "flip": AugmentConfig(flip="random"),
    "alternate": AugmentConfig(flip="alternate"),
    "affine": AFFINE,
    "tone": AugmentConfig(brightness=0.4, contrast=0.4),
    "colour": AugmentConfig(brightness=0.2, contrast=0.2, saturation=0.5, hue=0.1),
    "trivial": AugmentConfig(auto="trivial"),
    "rand": AugmentConfig(auto="rand", auto_ops=3, auto_magnitude=12),
    "erase": AugmentConfig(erase=0.5),
    "noise": AugmentConfig(erase=1.0, erase_fill="noise"),
    "everything": EVERYTHING,
}


def pictures(n=8, chans=3, side=(16, 16), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, chans, *side), dtype=torch.uint8, generator=generator)


def view(x, ids, config, size=None, seed=0, epoch=0):
    return augment(x, np.asarray(ids), config=config, out_size=size or tuple(x.shape[2:]), seed=seed, epoch=epoch)


class TestPurity:
    @pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
    @settings(max_examples=8)
    @given(data=st.data())
    def test_a_sample_is_the_same_alone_and_in_any_batch(self, config, data):
        n = data.draw(st.integers(1, 80), label="batch")
        chans = data.draw(st.sampled_from([1, 3, 4]), label="channels")
        seed, epoch = data.draw(st.integers(0, 2**40)), data.draw(st.integers(0, 500))
        x, ids = pictures(n, chans, seed=seed % 97), np.arange(n) * 7 + seed % 1000
        whole = view(x, ids, config, (12, 14), seed, epoch)
        assert whole.dtype == torch.uint8
        assert whole.shape == (n, chans, 12, 14)
        order = np.array(data.draw(st.permutations(range(n)), label="order"))
        assert torch.equal(view(x[order], ids[order], config, (12, 14), seed, epoch), whole[order])
        one = slice(i := data.draw(st.integers(0, n - 1)), i + 1)
        assert torch.equal(view(x[one], ids[one], config, (12, 14), seed, epoch), whole[one])

    @pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
    def test_epochs_seeds_and_ids_differ(self, config):
        x = pictures(1).expand(32, -1, -1, -1)
        first = view(x, range(32), config)
        assert len({tuple(picture.flatten().tolist()) for picture in first}) > 1
        assert not torch.equal(first, view(x, range(32), config, epoch=1))
        assert not torch.equal(first, view(x, range(32), config, seed=1))
        assert not torch.equal(first, view(x, range(32, 64), config))

    def test_large_batches_of_large_pictures_and_threads_change_nothing(self):
        x, ids = pictures(70, 3, (64, 48)), np.arange(70)
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            first = view(x, ids, EVERYTHING, (40, 40))
            torch.set_num_threads(2)
            assert torch.equal(view(x, ids, EVERYTHING, (40, 40)), first)
            assert torch.equal(view(x[:3], ids[:3], EVERYTHING, (40, 40)), first[:3])
        finally:
            torch.set_num_threads(threads)

    def test_input_and_global_random_state_stay(self):
        x = pictures()
        copy = x.clone()
        states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
        for config in CONFIGS.values():
            view(x, range(8), config)
        assert torch.equal(x, copy)
        assert torch.equal(states[0], torch.get_rng_state())
        assert states[1] == random.getstate()
        assert np.array_equal(states[2], np.random.get_state()[1])

    def test_tensor_ids_are_as_good_as_arrays(self):
        x = pictures()
        tensors = augment(x, torch.arange(8), config=EVERYTHING, out_size=(9, 9), seed=3, epoch=2)
        assert torch.equal(tensors, view(x, range(8), EVERYTHING, (9, 9), 3, 2))


class TestNothing:
    @pytest.mark.parametrize("chans", [1, 3, 5])
    @pytest.mark.parametrize(
        "config",
        [
            AugmentConfig(),
            AugmentConfig(crop="pad", crop_pad=0),
            AugmentConfig(crop="resized", crop_area=(1, 1), crop_ratio=(1, 1)),
            AugmentConfig(auto="rand", auto_magnitude=0),
            AugmentConfig(zoom=(1, 1), rotate=0, translate=0, hue=0, erase=0),
        ],
    )
    def test_ranges_of_zero_are_the_identity(self, config, chans):
        x = pictures(64, chans, (15, 15))
        done = view(x, range(64), config)
        if config.auto == "rand":  # autocontrast and equalize have no strength; full-range noise shows neither
            assert (done == x).flatten(1).all(1).float().mean() > 0.6
        else:
            assert torch.equal(done, x)


class TestCrop:
    def test_pad_is_a_shift_with_mirrored_edges(self):
        x = pictures(200)
        done = view(x, range(200), AugmentConfig(crop="pad", crop_pad=3))
        top, left = (uniforms(0, 0, np.arange(200), 2, purpose="crop") * 7).long().unbind(1)
        assert torch.equal(done, pad_crop(x, top, left, 3))
        assert set(top.tolist()) == set(left.tolist()) == set(range(7))

    def test_a_larger_store_is_scaled_first_unless_crops_are_cut_from_it(self):
        x = pictures(4, 3, (24, 20))
        scaled = F.interpolate(x, (16, 16), mode="bilinear", antialias=True)
        assert torch.equal(view(x, range(4), AugmentConfig(), (16, 16)), scaled)
        pad = AugmentConfig(crop="pad", crop_pad=2)
        assert torch.equal(view(x, range(4), pad, (16, 16)), view(scaled, range(4), pad))

    def test_resized_boxes_reach_everything(self):
        place = torch.arange(40).repeat(40, 1)
        x = torch.stack([place, place.T]).to(torch.uint8)[None].expand(500, -1, -1, -1)  # a pixel holds where it is
        done = view(x, range(500), AugmentConfig(crop="resized", crop_area=(0.1, 1)), (16, 16))
        width = (done[:, 0, 8, -1] - done[:, 0, 8, 0]).float() * 16 / 15
        height = (done[:, 1, -1, 8] - done[:, 1, 0, 8]).float() * 16 / 15
        area = width * height / 1600
        assert area.min() < 0.15
        assert area.max() > 0.85
        assert abs(area.mean() - 0.55) < 0.05
        assert done[:, 0].amin() == 0
        assert done[:, 0].amax() == 39


class TestFlip:
    def test_alternate_shows_both_views_in_any_two_epochs(self):
        x, ids, config = pictures(100), np.arange(100), AugmentConfig(flip="alternate")
        epochs = [view(x, ids, config, epoch=e) for e in range(4)]
        turned = [(e != x).flatten(1).any(1) for e in epochs]
        assert 30 < turned[0].sum() < 70
        assert torch.equal(turned[0], ~turned[1])
        assert torch.equal(epochs[0], epochs[2])
        assert torch.equal(epochs[1], epochs[3])
        assert torch.equal(epochs[1], flip(x, turned[1]))

    def test_random_is_a_fair_coin_every_epoch(self):
        x, config = pictures(1).expand(500, -1, -1, -1), AugmentConfig(flip="random")
        turned = torch.stack([(view(x, range(500), config, epoch=e) != x).flatten(1).any(1) for e in range(4)])
        assert abs(turned.float().mean() - 0.5) < 0.04
        assert abs((turned[0] == turned[1]).float().mean() - 0.5) < 0.1


class TestErase:
    def test_share_of_samples_and_of_area(self):
        x = torch.zeros(2000, 1, 20, 20, dtype=torch.uint8)
        x[:, :, ::2] = 200  # a mean of 100, which no pixel has
        done = view(x, range(2000), AugmentConfig(erase=0.25, erase_area=(0.1, 0.3)))
        hidden = (done != x).flatten(1).float().mean(1)
        assert abs((hidden > 0).float().mean() - 0.25) < 0.04
        assert set(done[done != x].tolist()) == {100}
        seen = hidden[hidden > 0]
        assert 0.06 < seen.min() < 0.12
        assert 0.25 < seen.max() < 0.36
        assert abs(seen.mean() - 0.2) < 0.02

    def test_noise_fills_the_box_evenly(self):
        x = torch.zeros(50, 3, 16, 16, dtype=torch.uint8)
        config = AugmentConfig(erase=1.0, erase_area=(0.3, 0.3), erase_fill="noise")
        filled = view(x, range(50), config)
        values = filled[filled > 0].double()
        assert abs(values.mean() - 128) < 2
        assert values.max() == 255
        assert not torch.equal(filled[0][filled[0] > 0][:20], filled[1][filled[1] > 0][:20])


def test_jitter_stays_in_its_range():
    x = torch.full((400, 1, 4, 4), 100, dtype=torch.uint8)
    done = view(x, range(400), AugmentConfig(brightness=0.3))[:, 0, 0, 0].float()
    assert 70 <= done.min() < 73
    assert 127 < done.max() <= 130
    assert abs(done.mean() - 100) < 3


def test_affine_reaches_its_range_and_not_beyond():
    x = torch.zeros(300, 1, 41, 41, dtype=torch.uint8)
    x[:, :, 20, 20] = 255
    done = view(x, range(300), AugmentConfig(translate=0.2)).float()
    mass = done.sum((1, 2, 3))
    row = (done.sum((1, 3)) * torch.arange(41)).sum(1) / mass - 20
    column = (done.sum((1, 2)) * torch.arange(41)).sum(1) / mass - 20
    for shift in (row, column):
        assert abs(shift).max() <= 8.3
        assert shift.max() > 7.5
        assert shift.min() < -7.5
    assert abs(np.corrcoef(row, column)[0, 1]) < 0.25


def test_angle_shifts_and_zoom_do_not_hang_together(monkeypatch):
    given, real = {}, geometry.affine
    monkeypatch.setattr(geometry, "affine", lambda x, **how: given.update(how) or real(x, **how))
    view(pictures(2000, 1, (2, 2)), range(2000), AFFINE)
    related = np.corrcoef([given["degrees"], *given["shift"], given["zoom"]])
    assert abs(related - np.eye(4)).max() < 0.1


def test_adding_one_part_leaves_the_numbers_of_the_others():
    x = pictures(32)
    both = view(x, range(32), AugmentConfig(crop="pad", crop_pad=2, flip="random"))
    assert torch.equal(
        both, view(view(x, range(32), AugmentConfig(crop="pad", crop_pad=2)), range(32), AugmentConfig(flip="random"))
    )


class TestConfig:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"crop": "centre"}, "crop = 'centre' is not one of none, pad, resized"),
            ({"flip": True}, "flip = True is not one of"),
            ({"rotate": -1}, r"rotate -1 is not a number in \[0, 180\]"),
            ({"hue": 0.6}, "hue 0.6"),
            ({"erase": float("nan")}, "erase nan"),
            ({"zoom": (1.2, 0.8)}, r"zoom \(1.2, 0.8\) is not \(low, high\) with 0 < low <= high"),
            ({"crop_area": (0.5, 1.5)}, "crop_area"),
            ({"crop_pad": -1}, "crop_pad -1"),
            ({"auto_magnitude": 31}, r"auto_magnitude 31 is not in \[0, 30\]"),
            ({"auto_ops": 0}, "auto_ops 0"),
        ],
    )
    def test_values_out_of_range_are_refused(self, change, message):
        with pytest.raises(InputError, match=message):
            replace(AugmentConfig(), **change)

    def test_lists_from_a_file_are_as_good_as_tuples(self):
        assert AugmentConfig(zoom=[0.9, 1.1]) == AugmentConfig(zoom=(0.9, 1.1))
        assert hash(AugmentConfig(zoom=[0.9, 1.1])) == hash(AugmentConfig(zoom=(0.9, 1.1)))


def test_golden():
    """Parts that only move or fill bytes give the same on every machine."""
    x = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8).remainder(251).to(torch.uint8)
    weights = torch.arange(1, x.numel() + 1).reshape(x.shape)
    names = ("pad", "flip", "alternate", "erase", "noise")
    assert {k: int((view(x, [5, 6], CONFIGS[k], seed=1, epoch=2).long() * weights).sum()) for k in names} == {
        "pad": 8962151,
        "flip": 8258179,
        "alternate": 8258446,
        "erase": 8203294,
        "noise": 8677392,
    }


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_cuda_device_gives_the_same_to_a_grey_level(config):
    smooth = F.interpolate(pictures(32, 3, (8, 8)).float(), (40, 40), mode="bicubic").clamp(0, 255).to(torch.uint8)
    for size in ((40, 40), (32, 32)):
        here = view(smooth, range(32), config, size)
        there = view(smooth.cuda(), range(32), config, size)
        assert torch.equal(there, view(smooth.cuda(), range(32), config, size))
        assert torch.equal(there[5:6], view(smooth[5:6].cuda(), [5], config, size))
        apart = (there.cpu().int() - here.int()).abs().float()
        if size == (40, 40):
            assert (apart <= 1).float().mean() > 0.98  # posterize makes a step of a grey level
        assert apart.mean() < 1  # scaling rounds otherwise there, and contrast magnifies it

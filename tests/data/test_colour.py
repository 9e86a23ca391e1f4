import importlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from smalti.data import colour


def photos(n=4, side=40, chans=3, seed=0):
    """Noise over a ramp: different histograms, some of few values."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 90, (n, chans, side, side), generator=generator)
    ramp = torch.linspace(0, 150, side).long()
    x = (noise + ramp + 5 * torch.arange(n)[:, None, None, None]).to(torch.uint8)
    x[-1] = x[-1] // 64 * 40
    return x


def by_pillow(images, change):
    """`change` of each picture as a Pillow image, back as a batch."""
    changed = [np.array(change(Image.fromarray(x.permute(1, 2, 0).numpy()))) for x in images]
    return torch.from_numpy(np.stack(changed)).permute(0, 3, 1, 2)


def apart(a, b):
    return (a.int() - b.int()).abs().max().item()


FACTORS = [0.0, 0.37, 0.9, 1.0, 1.43, 1.99]

ENHANCERS = {
    colour.brightness: ImageEnhance.Brightness,
    colour.contrast: ImageEnhance.Contrast,
    colour.saturation: ImageEnhance.Color,
    colour.sharpness: ImageEnhance.Sharpness,
}


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("ours", ENHANCERS, ids=lambda f: f.__name__)
def test_enhancers_equal_pillow(ours, factor):
    x = photos()
    theirs = by_pillow(x, lambda picture: ENHANCERS[ours](picture).enhance(factor))
    assert torch.equal(ours(x, torch.full((4,), factor)), theirs)


@pytest.mark.parametrize("factor", FACTORS)
def test_tone_operations_equal_torchvision_within_a_grey_level(factor):
    pytest.importorskip("smalti._torchvision")
    functional = importlib.import_module("torchvision.transforms.v2.functional")
    x, factors = photos(), torch.full((4,), factor)
    assert apart(colour.brightness(x, factors), functional.adjust_brightness(x, factor)) <= 1
    assert apart(colour.contrast(x, factors), functional.adjust_contrast(x, factor)) <= 1
    assert apart(colour.saturation(x, factors), functional.adjust_saturation(x, factor)) <= 1
    assert apart(colour.sharpness(x, factors), functional.adjust_sharpness(x, factor)) <= 1
    assert apart(colour.posterize(x, factors * 4), functional.posterize(x, round(factor * 4))) == 0
    assert apart(colour.solarize(x, factors * 100), functional.solarize(x, factor * 100)) == 0
    assert apart(colour.equalize(x), functional.equalize(x)) == 0
    assert apart(colour.autocontrast(x), functional.autocontrast(x)) <= 1


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize_equals_pillow(bits):
    x = photos()
    theirs = by_pillow(x, lambda picture: ImageOps.posterize(picture, bits))
    assert torch.equal(colour.posterize(x, torch.full((4,), float(bits))), theirs)


@pytest.mark.parametrize("threshold", [0, 1, 99, 128, 255, 256])
def test_solarize_equals_pillow(threshold):
    x = photos()
    theirs = by_pillow(x, lambda picture: ImageOps.solarize(picture, threshold))
    assert torch.equal(colour.solarize(x, torch.full((4,), float(threshold))), theirs)


def test_equalize_equals_pillow():
    x = photos()
    assert torch.equal(colour.equalize(x), by_pillow(x, ImageOps.equalize))


def test_autocontrast_equals_pillow():
    x = photos()
    assert torch.equal(colour.autocontrast(x), by_pillow(x, ImageOps.autocontrast))


def test_flat_channels_stay():
    x = torch.full((1, 3, 5, 5), 77, dtype=torch.uint8)
    assert torch.equal(colour.autocontrast(x), x)
    assert torch.equal(colour.equalize(x), x)


@pytest.mark.parametrize("chans", [1, 2, 3, 5])
def test_parameters_of_no_change_are_the_identity(chans):
    x = photos(chans=chans)
    one, zero = torch.ones(4), torch.zeros(4)
    for function in (colour.brightness, colour.contrast, colour.saturation, colour.sharpness):
        assert torch.equal(function(x, one), x)
    assert torch.equal(colour.posterize(x, 8 * one), x)
    assert torch.equal(colour.solarize(x, 256 * one), x)
    assert torch.equal(colour.jitter(x, one, one), x)
    if chans == 3:
        assert torch.equal(colour.jitter(x, one, one, (one, zero)), x)


def test_tiny_pictures_have_no_neighbours_to_sharpen_with():
    x = photos(side=2)
    assert torch.equal(colour.sharpness(x, torch.full((4,), 1.9)), x)


def test_jitter_without_clipping_is_its_steps_in_a_row():
    x = photos() // 2 + 50
    b, c, s = torch.tensor([0.9, 1.0, 1.1, 1.2]), torch.tensor([1.1, 0.8, 1.0, 0.9]), torch.tensor([0.5, 1.2, 0.0, 1.0])
    steps = colour.saturation(colour.contrast(colour.brightness(x, b), c), s)
    assert apart(colour.jitter(x, b, c, (s, torch.zeros(4))), steps) <= 3  # three cuts against one rounding
    assert apart(colour.jitter(x, b, c), colour.contrast(colour.brightness(x, b), c)) <= 2


def test_hue_keeps_luma_and_grey_and_a_third_of_a_turn_moves_the_primaries():
    colours = torch.tensor([[128, 90, 60], [100, 100, 100], [70, 120, 110]], dtype=torch.uint8)
    x = colours[:, :, None, None].expand(-1, -1, 4, 4).contiguous()
    one = torch.ones(3)
    turned = colour.jitter(x, one, one, (one, torch.full((3,), 0.2)))
    weights = torch.tensor(colour.LUMA)[:, None, None]
    assert ((turned * weights).sum(1) - (x * weights).sum(1)).abs().max() < 1.01
    assert torch.equal(turned[1], x[1])
    assert apart(turned[0], x[0]) > 20
    back = colour.jitter(turned, one, one, (one, torch.full((3,), -0.2)))
    assert apart(back, x) <= 2


@given(st.integers(0, 2**31), st.sampled_from([1, 3, 4]), st.integers(0, 3))
def test_a_picture_does_not_depend_on_its_batch(seed, chans, row):
    x = photos(chans=chans, seed=seed, side=11)
    generator = torch.Generator().manual_seed(seed)
    p = torch.rand(4, 4, dtype=torch.float64, generator=generator) * 2
    one = slice(row, row + 1)
    for function in (colour.brightness, colour.contrast, colour.saturation, colour.sharpness):
        assert torch.equal(function(x, p[0])[one], function(x[one], p[0][one]))
    for plain in (colour.equalize, colour.autocontrast, colour.mean_colour):
        assert torch.equal(plain(x)[one], plain(x[one]))
    assert torch.equal(colour.jitter(x, p[0], p[1])[one], colour.jitter(x[one], p[0][one], p[1][one]))
    if chans == 3:
        all_of, one_of = (p[2], p[3] / 4), (p[2][one], p[3][one] / 4)
        assert torch.equal(
            colour.jitter(x, p[0], p[1], all_of)[one], colour.jitter(x[one], p[0][one], p[1][one], one_of)
        )


def test_mean_colour_is_exact():
    x = photos(side=33, chans=2)
    assert torch.equal(colour.mean_colour(x)[:, :, 0, 0], x.double().mean((2, 3)).round().to(torch.uint8))

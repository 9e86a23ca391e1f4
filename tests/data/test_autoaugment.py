import pytest
import torch

from smalti.data import colour
from smalti.data.autoaugment import RAND, TRIVIAL, apply_ops, available
from smalti.data.geometry import affine, warp


def pictures(n=6, chans=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(30, 200, (n, chans, 32, 32), dtype=torch.uint8, generator=generator)


def run(space, name, strength, sign=1.0, chans=3):
    x = pictures(chans=chans)
    n = len(x)
    choice = torch.zeros(n, dtype=torch.int64)
    return x, apply_ops(x, (space[name],), choice, torch.full((n,), strength), torch.full((n,), sign))


def test_both_spaces_hold_the_14_operations_of_the_papers():
    names = {
        "identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate", "brightness", "saturation",
        "contrast", "sharpness", "posterize", "solarize", "autocontrast", "equalize",
    }  # fmt: skip
    assert set(RAND) == set(TRIVIAL) == names


@pytest.mark.parametrize("name", sorted(set(TRIVIAL) - {"autocontrast", "equalize"}))
@pytest.mark.parametrize("space", [RAND, TRIVIAL])
def test_no_strength_is_the_identity(space, name):
    x, done = run(space, name, 0.0)
    assert torch.equal(done, x)


@pytest.mark.parametrize("name", sorted(set(TRIVIAL) - {"identity"}))
def test_full_strength_changes_every_picture(name):
    x, done = run(TRIVIAL, name, 1.0)
    assert all(not torch.equal(a, b) for a, b in zip(done, x, strict=True))


def test_ranges():
    x, done = run(TRIVIAL, "rotate", 2 / 3)
    assert torch.equal(done, x.rot90(1, (2, 3)))  # 90 of 135 degrees
    x, done = run(TRIVIAL, "rotate", 2 / 3, sign=-1.0)
    assert torch.equal(done, x.rot90(-1, (2, 3)))
    x, done = run(RAND, "shear_x", 0.5, sign=-1.0)
    assert torch.equal(done, warp(x, affine(x, shear=(-0.15, 0.0))))
    x, done = run(RAND, "brightness", 0.5, sign=-1.0)
    assert torch.equal(done, colour.brightness(x, torch.full((6,), 0.55)))
    x, done = run(RAND, "posterize", 1.0)
    assert torch.equal(done, x & 0xF0)
    x, done = run(TRIVIAL, "solarize", 1.0)
    assert torch.equal(done, 255 - x)


def test_groups_are_put_back_where_they_came_from():
    x = pictures(40)
    ops = available(TRIVIAL, 3)
    generator = torch.Generator().manual_seed(1)
    choice = torch.randint(0, len(ops), (40,), generator=generator)
    strength = torch.rand(40, generator=generator)
    sign = torch.where(torch.rand(40, generator=generator) < 0.5, -1.0, 1.0)
    done = apply_ops(x, ops, choice, strength, sign)
    for i in range(40):
        one = slice(i, i + 1)
        assert torch.equal(done[one], apply_ops(x[one], ops, choice[one], strength[one], sign[one]))


@pytest.mark.parametrize("chans", [1, 2, 4])
def test_without_colour_there_is_no_saturation(chans):
    assert len(available(RAND, chans)) == 13
    for name in set(RAND) - {"saturation"}:
        _, done = run(RAND, name, 1.0, chans=chans)
        assert done.shape == (6, chans, 32, 32)
        assert done.dtype == torch.uint8

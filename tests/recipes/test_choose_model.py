"""Which preset the rule takes, and how large the pictures are that it sees."""

import pytest
from tests.recipes.test_choose import given

from smalti.configs import pair
from smalti.recipes.choose import choose
from smalti.recipes.choose_model import COARSER, FINE, finest, small_size, stated_size
from smalti.train.budget import Budget

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.mark.parametrize(
    ("side", "preset"),
    [
        (8, "patch2_16"),
        (21, "patch2_16"),
        (28, "patch4_28"),
        (32, "patch4_32"),
        (45, "patch8_48"),
        (64, "patch4_64"),
        (72, "patch4_64"),
        (73, "patch8_128"),
    ],
)
def test_small_pictures_keep_about_their_size(side, preset):
    assert finest(pair(small_size(side))) == f"cct_mini_{preset}"


def test_presets_are_told_by_the_size_they_are_made_for():
    assert all(stated_size(preset) == pair(size) for size, preset in FINE.items())
    assert set(COARSER) <= set(FINE.values())


@pytest.mark.parametrize(
    ("size", "preset"),
    [((128, 128), "patch8_128"), ((100, 100), "patch4_64"), ((36, 60), "patch4_32"), ((8, 8), "patch2_16")],
)
def test_of_a_size_that_was_named_the_nearest_preset_with_whole_patches(size, preset):
    assert finest(size) == f"cct_mini_{preset}"


def test_photographs_are_large_where_time_allows_and_small_elsewhere():
    plenty = choose(given(size=(100, 140), n=30, budget=Budget(epochs=60)))
    scarce = choose(given(size=(100, 140), n=30, budget=Budget(epochs=3)))
    assert plenty.recipe.preprocess.img_size == (128, 128)
    assert scarce.recipe.preprocess.img_size == (64, 64)
    assert plenty.recipe.augment.crop == scarce.recipe.augment.crop == "resized"
    assert "only 3 times" in next(c.reason for c in scarce.choices if c.name == "model")


@pytest.mark.parametrize(
    ("size", "settings", "preset", "expected"),
    [
        ((40, 1000), {}, "patch8_128", (24, 680)),
        ((1000, 40), {}, "patch8_128", (680, 24)),
        ((2, 2000), {}, "patch8_64", (8, 512)),
        ((20, 42), {}, "patch8_32", (24, 40)),
        ((20, 40), {}, "patch4_16", (16, 16)),
        ((100, 300), {}, "patch8_128", (128, 128)),  # a photograph is cut into boxes that are about square
        ((40, 1000), {"preprocess": {"img_size": (48, 192)}}, "patch8_48", (48, 192)),
        ((40, 1000), {"model": {"preset": "cct_mini_patch8_64"}}, "patch8_64", (64, 64)),
    ],
)
def test_small_pictures_far_from_square_keep_about_their_shape(size, settings, preset, expected):
    chosen = choose(given(size=size, n=30, budget=Budget(epochs=60), settings=settings))
    assert (chosen.recipe.model.preset, chosen.recipe.preprocess.img_size) == (f"cct_mini_{preset}", expected)
    assert chosen.recipe.augment.rotate == 0 or expected[0] == expected[1]
    chosen.recipe.model.build(chosen.recipe.preprocess, 3)
    reason = next(c.reason for c in chosen.choices if c.name == "image size")
    assert ("its shape is about kept" in reason) == (not settings and expected[0] != expected[1])


@pytest.mark.parametrize(
    ("side", "fine", "coarse"),
    [
        (16, "patch2_16", "patch4_16"),
        (28, "patch4_28", "patch8_32"),
        (32, "patch4_32", "patch8_32"),
        (64, "patch4_64", "patch8_64"),
    ],
)
def test_patches_are_fine_where_there_are_steps_for_them(side, fine, coarse):
    few, many = (choose(given(size=(side, side), n=30, budget=Budget(steps=n))) for n in (100, 10_000))
    assert few.recipe.model.preset == f"cct_mini_{coarse}"
    assert few.recipe.preprocess.img_size == stated_size(few.recipe.model.preset)
    assert many.recipe.model.preset == f"cct_mini_{fine}"
    assert many.recipe.preprocess.img_size == (side, side)
    assert "only 100 steps" in next(c.reason for c in few.choices if c.name == "model")


@pytest.mark.parametrize(("size", "preset"), [(36, "patch4_32"), (28, "patch4_28"), (8, "patch2_16")])
def test_coarse_patches_are_taken_only_where_they_are_whole(size, preset):
    settings = {"preprocess": {"img_size": size}}
    recipe = choose(given(size=(32, 32), n=30, budget=Budget(steps=100), settings=settings)).recipe
    assert recipe.model.preset == f"cct_mini_{preset}"
    assert recipe.preprocess.img_size == (size, size)

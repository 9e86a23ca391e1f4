import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from smalti.embed import ConvStem, patchify, unpatchify

SMALL = st.integers(1, 4)


@settings(max_examples=30)
@given(B=SMALL, C=SMALL, h=SMALL, w=SMALL, P=SMALL)
def test_unpatchify_returns_the_image(B, C, h, w, P):
    images = torch.randn(B, C, h * P, w * P)
    patches = patchify(images, P)
    assert patches.shape == (B, h * w, C * P * P)
    assert torch.equal(unpatchify(patches, P, (h, w)), images)


def test_patches_are_the_squares_in_reading_order():
    image = torch.arange(2 * 4 * 6).view(1, 2, 4, 6)
    patches = patchify(image, 2)
    for row in range(2):
        for column in range(3):
            square = image[0, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert torch.equal(patches[0, 3 * row + column], square.flatten())


def test_the_stem_halves_once_a_stage_and_rounds_up():
    for patch, size in ((2, (9, 16)), (4, (28, 30)), (8, (64, 20))):
        stem = ConvStem(size, patch, 3, 24)
        tokens = stem(torch.randn(2, 3, *size))
        assert tokens.shape == (2, stem.grid_size[0] * stem.grid_size[1], 24)


def test_the_tokens_of_the_stem_are_a_view_of_its_channels():
    """Also for one channel, where strides tell channels-last and channels-first not apart: it is slower by a third."""
    for chans in (1, 3):
        stem = ConvStem((28, 28), 4, chans, 24)
        assert stem(torch.randn(2, chans, 28, 28)).is_contiguous()


@pytest.mark.parametrize("patch", [2, 8])
def test_the_stem_is_the_papers_bit_for_bit(patch: int):
    """Which has ReLU before the pool: outputs and gradients."""
    torch.manual_seed(0)
    ours = ConvStem((28, 30), patch, 3, 24)
    theirs = nn.Sequential()
    for stage in range(0, len(ours.stages), 3):
        convolution, pool, relu = copy.deepcopy(ours.stages[stage : stage + 3])
        theirs.extend([convolution, relu, pool])
    images = torch.randn(4, 3, 28, 30)
    tokens = theirs(images.clone(memory_format=torch.channels_last)).flatten(2).transpose(1, 2)
    assert torch.equal(ours(images), tokens)
    ours(images).square().sum().backward()
    tokens.square().sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)

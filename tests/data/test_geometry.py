import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smalti.data.geometry import affine, erase, flip, pad_crop, resized_boxes, warp
from smalti.errors import InputError


def pictures(n=5, chans=3, height=12, width=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, chans, height, width), dtype=torch.uint8, generator=generator)


def smooth(n=2, side=48):
    coarse = torch.rand(n, 3, 6, 6, generator=torch.Generator().manual_seed(1)) * 255
    return F.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 255).round().to(torch.uint8)


class TestFlip:
    def test_only_the_chosen(self):
        x = pictures()
        turned = flip(x, torch.tensor([True, False, True, False, False]))
        assert torch.equal(turned[[1, 3, 4]], x[[1, 3, 4]])
        assert np.array_equal(turned[0].numpy(), np.fliplr(x[0].permute(1, 2, 0)).transpose(2, 0, 1))

    def test_the_input_stays(self):
        x = pictures()
        copy = x.clone()
        flip(x, torch.ones(5, dtype=torch.bool))
        assert torch.equal(x, copy)


class TestPadCrop:
    @given(st.integers(0, 2**31), st.integers(1, 5), st.sampled_from([1, 2, 3, 7]))
    def test_equals_numpy_padding_and_slicing(self, seed, pad, chans):
        x = pictures(4, chans, 9, 6, seed)
        top, left = torch.randint(0, 2 * pad + 1, (2, 4), generator=torch.Generator().manual_seed(seed))
        cut = pad_crop(x, top, left, pad)
        padded = np.pad(x.numpy(), ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="reflect")
        for i, (t, w) in enumerate(zip(top.tolist(), left.tolist(), strict=True)):
            assert np.array_equal(cut[i].numpy(), padded[i, :, t : t + 9, w : w + 6])

    def test_too_wide_a_border_is_refused(self):
        with pytest.raises(InputError, match="crop_pad 6 is too large for pictures of 12x6; use at most 5"):
            pad_crop(pictures(1, 3, 12, 6), torch.tensor([0]), torch.tensor([0]), 6)


class TestWarp:
    @pytest.mark.parametrize("shape", [(1, 1), (3, 17), (28, 28), (224, 224)])
    def test_the_identity_is_exact(self, shape):
        x = pictures(3, 2, *shape)
        assert torch.equal(warp(x, affine(x)), x)

    def test_a_quarter_turn_is_anti_clockwise_and_exact(self):
        x = pictures()
        assert torch.equal(warp(x, affine(x, degrees=90.0)), x.rot90(1, (2, 3)))

    def test_whole_pixel_shifts_move_right_and_down(self):
        x = pictures(1)
        moved = warp(x, affine(x, shift=(3 / 12, 2 / 12)))
        assert torch.equal(moved[..., 2:, 3:], x[..., :-2, :-3])
        assert torch.equal(moved[..., 2:, :3], x[..., :-2, :3].flip(3))  # mirrored at the edge

    def test_zoom_of_two_enlarges_the_middle(self):
        x = smooth(1, 32)
        big = warp(x, affine(x, zoom=2.0))
        expected = F.interpolate(x[..., 7:25, 7:25].float(), scale_factor=2, mode="bilinear")[..., 2:-2, 2:-2]
        assert (big.float() - expected).abs().max() <= 0.51

    @pytest.mark.parametrize("degrees", [-31.0, 12.5, 77.0])
    def test_rotation_agrees_with_pillow(self, degrees):
        x = smooth()
        ours = warp(x, affine(x, degrees=degrees))
        inside = slice(16, 32)
        for picture, turned in zip(x, ours, strict=True):
            pil = Image.fromarray(picture.permute(1, 2, 0).numpy()).rotate(degrees, Image.Resampling.BILINEAR)
            theirs = torch.from_numpy(np.array(pil)).permute(2, 0, 1)
            difference = (turned.int() - theirs.int()).abs()[:, inside, inside]
            assert difference.max() <= 1

    def test_shear_moves_rows_by_their_height(self):
        x = smooth(1)
        a, c = 0.3, -0.3 * 23.5  # Pillow's own corner coordinates
        pil = Image.fromarray(x[0].permute(1, 2, 0).numpy())
        pil = pil.transform(pil.size, Image.Transform.AFFINE, (1, a, c - a / 2, 0, 1, 0), Image.Resampling.BILINEAR)
        theirs = torch.from_numpy(np.array(pil)).permute(2, 0, 1)
        ours = warp(x, affine(x, shear=(a, 0.0)))[0]
        assert (ours.int() - theirs.int()).abs()[:, 12:36, 12:36].max() <= 1

    def test_every_picture_has_its_own_map(self):
        x = pictures()
        angles = torch.tensor([0.0, 90.0, 180.0, 270.0, 10.0])
        turned = warp(x, affine(x, degrees=angles))
        assert torch.equal(turned[2], x[2].rot90(2, (1, 2)))
        for i in range(5):
            assert torch.equal(turned[i : i + 1], warp(x[i : i + 1], affine(x[i : i + 1], degrees=angles[i : i + 1])))

    def test_blocks_change_nothing(self):
        x = pictures(150, 3, 32, 32)
        angles = torch.linspace(-90, 90, 150)
        whole = warp(x, affine(x, degrees=angles))
        for i in (0, 63, 64, 65, 127, 128, 149):
            assert torch.equal(whole[i], warp(x[i : i + 1], affine(x[i : i + 1], degrees=angles[i : i + 1]))[0])


class TestResizedBoxes:
    @given(
        st.floats(0.01, 1),
        st.floats(0, 1),
        st.floats(0.2, 1),
        st.floats(1, 5),
        st.tuples(st.integers(4, 60), st.integers(4, 60)),
        st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4),
    )
    def test_boxes_lie_inside_and_have_the_drawn_area(self, low, spread, thin, wide, stored, u):
        area = (low, low + spread * (1 - low))
        x = torch.zeros(1, 1, *stored, dtype=torch.uint8)
        m = resized_boxes(x, torch.tensor([u], dtype=torch.float64), size=(8, 8), area=area, ratio=(thin, wide))[0]
        w, h, cx, cy = m[0] * 8, m[4] * 8, m[2], m[5]
        share = area[0] + u[0] * (area[1] - area[0])
        assert w * h == pytest.approx(share * stored[0] * stored[1])
        assert abs(cx) + w / 2 <= stored[1] / 2 + 1e-6
        assert abs(cy) + h / 2 <= stored[0] / 2 + 1e-6
        fitting = (share * stored[1] / stored[0], stored[1] / (stored[0] * share))
        drawn = thin * (wide / thin) ** u[1]
        assert w / h == pytest.approx(min(max(drawn, fitting[0]), fitting[1]))

    def test_the_whole_picture_at_its_own_size_is_the_identity(self):
        x = pictures(2, 3, 10, 14)
        u = torch.rand(2, 4, dtype=torch.float64)
        assert torch.equal(warp(x, resized_boxes(x, u, size=(10, 14), area=(1, 1), ratio=(1, 1)), (10, 14)), x)

    def test_a_whole_pixel_box_is_a_slice(self):
        x = pictures(1, 3, 16, 16)
        u = torch.tensor([[0.0, 0.0, 0.25, 0.75]], dtype=torch.float64)  # an 8 x 8 box at row 2, column 6
        cut = warp(x, resized_boxes(x, u, size=(8, 8), area=(0.25, 0.25), ratio=(1, 1)), (8, 8))
        assert torch.equal(cut, x[..., 2:10, 6:14])


class TestErase:
    def test_boxes_are_half_open(self):
        x = pictures(3)
        boxes = torch.tensor([[2, 5, 0, 12], [0, 0, 3, 9], [11, 12, 11, 12]])
        done = erase(x, boxes, torch.zeros(3, 3, 1, 1, dtype=torch.uint8))
        expected = x.clone()
        expected[0, :, 2:5] = 0
        expected[2, :, 11:, 11:] = 0
        assert torch.equal(done, expected)


def test_degrees_are_degrees():
    x = pictures(1)
    m = affine(x, degrees=30.0)[0]
    assert m[0].item() == pytest.approx(math.cos(math.pi / 6))
    assert m[3].item() == pytest.approx(math.sin(math.pi / 6))

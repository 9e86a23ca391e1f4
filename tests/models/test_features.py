"""Outputs of blocks: those of timm's `forward_intermediates`, also of models made ready for inference."""

import copy
import threading

import pytest
import torch
from torch import nn

from smalti.errors import InputError
from smalti.models import create_model, intermediates, preset_config
from smalti.nn import merge_tokens
from smalti.nn.inference import for_inference
from smalti.weights import from_timm

VIT = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 48, "depth": 4, "num_heads": 4, "num_classes": 7}
SWIN = {"img_size": 64, "embed_dim": 16, "depths": (2, 4, 2), "num_heads": (2, 4, 8), "num_classes": 7}
CASES = {  # preset, our options, timm's
    "ViT": ("vit_base_patch16_224", VIT, {}),
    "ViT, mean pool": ("vit_base_patch16_224", {**VIT, "pool": "mean"}, {"global_pool": "avg"}),
    "DeiT": ("deit_tiny_distilled_patch16_224", VIT, {}),
    "BEiT": ("beit_base_patch16_224", {**VIT, "img_size": 32}, {}),
    "registers": (
        "vit_base_patch16_224",
        {**VIT, "reg_tokens": 4, "pos_prefix": False},
        {"reg_tokens": 4, "no_embed_class": True},
    ),
}


def relative(x: torch.Tensor, y: torch.Tensor) -> float:
    assert x.shape == y.shape
    return ((x - y).abs().max() / y.abs().max()).item()


def stir(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.2)
    return module.eval()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("norm", [False, True])
def test_equals_timms(name: str, norm: bool):
    timm = pytest.importorskip("timm")
    preset, options, theirs = CASES[name]
    torch.manual_seed(0)
    shared = {key: value for key, value in options.items() if key not in ("pool", "reg_tokens", "pos_prefix")}
    his = stir(timm.create_model(preset, **shared, **theirs))
    model = create_model(preset, **options).eval()
    model.load_state_dict(from_timm(his.state_dict(), preset_config(preset)[0]), strict=True)
    images = torch.randn(2, 3, *model.config.size)
    with torch.no_grad():
        maps = his.forward_intermediates(images, indices=[1, 3], norm=norm, intermediates_only=True)
        tokens = his.forward_intermediates(
            images, [1, 3], norm=norm, output_fmt="NLC", return_prefix_tokens=True, intermediates_only=True
        )
        for mine, expected in zip(intermediates(model, images, blocks=(1, -1), norm=norm), maps, strict=True):
            assert relative(mine, expected) <= 2e-6
        found = intermediates(model, images, blocks=(1, 3), norm=norm, maps=False)
        for mine, (patches, prefix) in zip(found, tokens, strict=True):
            assert relative(mine, torch.cat([prefix, patches], dim=1)) <= 2e-6


@pytest.mark.parametrize("norm", [False, True])
def test_ends_of_swins_stages_equal_timms(norm: bool):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    his = stir(timm.create_model("swin_tiny_patch4_window7_224", window_size=4, **SWIN))
    model = create_model("swin_tiny_patch4_window7_224", window=4, **SWIN).eval()
    model.load_state_dict(from_timm(his.state_dict(), "swin"), strict=True)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = his.forward_intermediates(images, norm=norm, intermediates_only=True)
        found = intermediates(model, images, blocks=(1, 5, 7), norm=norm)
    assert [tuple(one.shape) for one in found] == [(2, 16, 16, 16), (2, 32, 8, 8), (2, 64, 4, 4)]
    for mine, one in zip(found, expected, strict=True):
        assert relative(mine, one) <= 5e-6


def test_all_blocks_in_order_and_the_last_one_is_what_the_head_reads():
    model = stir(create_model("vit_nano_patch4_32"))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        found = intermediates(model, images, norm=True, maps=False)
        assert len(found) == 6
        assert torch.equal(found[-1], model.forward_features(images))
        backwards = intermediates(model, images, blocks=(5, 0, -1), norm=True, maps=False)
    assert [torch.equal(a, b) for a, b in zip(backwards, (found[5], found[0], found[5]), strict=True)] == [True] * 3


def test_a_map_has_each_patch_in_its_place():
    model = stir(create_model("vit_nano_patch4_32", img_size=(16, 32)))
    images = torch.randn(1, 3, 16, 32)
    (tokens,), (map_,) = (intermediates(model, images, blocks=[2], maps=maps) for maps in (False, True))
    assert map_.shape == (1, 64, 4, 8)
    assert torch.equal(map_[0, :, 1, 5], tokens[0, 1 + 1 * 8 + 5])


@pytest.mark.parametrize("name", ["vit_nano_patch4_32", "swin_mini_patch2_window4_32"])
def test_models_made_ready_for_inference(name: str):
    torch.manual_seed(0)
    model = create_model(name).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = intermediates(model, images, blocks=[0, -1])
        for precision, bound in (("fp32", 1e-5), ("bf16", 0.03)):
            fast = for_inference(copy.deepcopy(model), images, precision)  # type: ignore[arg-type]
            for mine, one in zip(intermediates(fast, images, blocks=[0, -1]), expected, strict=True):
                assert mine.dtype == torch.float32
                assert relative(mine, one) <= bound


def test_gradients_flow_and_no_hook_stays():
    model = create_model("vit_nano_patch4_32")
    (first,) = intermediates(model, torch.randn(1, 3, 32, 32), blocks=[0])
    first.sum().backward()
    assert model.patch_embed.proj.weight.grad is not None
    assert not any(part._forward_hooks for part in model.modules())
    with pytest.raises(InputError, match="do not fit"):
        intermediates(model, torch.randn(1, 3, 8, 8))
    assert not any(part._forward_hooks for part in model.modules())


def test_blocks_there_are_none_of_are_refused():
    images = torch.randn(1, 3, 32, 32)
    with pytest.raises(InputError, match="has 6 blocks, so no block 6; number them from 0 to 5"):
        intermediates(create_model("vit_nano_patch4_32"), images, blocks=[0, 6])
    with pytest.raises(InputError, match="this MLP has 0 blocks; use one that has"):
        intermediates(create_model("mlp_small_32"), images)
    with pytest.raises(InputError, match="has 3 blocks, so no block 3"):
        intermediates(create_model("cnn_small_32"), images, blocks=[3])
    with pytest.raises(InputError, match="merges tokens has no maps inside"):
        intermediates(merge_tokens(create_model("vit_nano_patch4_32"), 2), images)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("resnet18_32", [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]),
        ("convnext_tiny_224", [(96, 8, 8), (192, 4, 4), (384, 2, 2), (768, 1, 1)]),
        ("cnn_small_32", [(32, 32, 32), (64, 16, 16), (128, 8, 8)]),
    ],
)
def test_the_stages_of_convolutional_networks(name: str, shapes: list[tuple[int, ...]]):
    model = create_model(name, img_size=32).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        found = intermediates(model, images, norm=True)
        (tokens,) = intermediates(model, images, blocks=[-1], maps=False)
        fast = intermediates(for_inference(copy.deepcopy(model), images, "fp32"), images)
        last = model.forward_features(images)
    assert [tuple(one.shape[1:]) for one in found] == shapes
    assert torch.equal(tokens.mT.reshape(found[-1].shape), found[-1])
    assert max(relative(mine, one) for mine, one in zip(fast, found, strict=True)) <= 1e-5
    assert last.ndim == 2 or torch.equal(last, found[-1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", ["vit_nano_patch4_32", "swinv2_mini_patch2_window4_32"])
def test_outputs_are_of_the_type_of_the_images(name: str, dtype: torch.dtype):
    torch.manual_seed(0)
    model, images = create_model(name).eval(), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        (exact,) = intermediates(model, images, blocks=[-1])
        (found,) = intermediates(model.to(dtype), images.to(dtype), blocks=[-1])
    assert found.dtype == dtype
    assert relative(found.float(), exact) <= 0.03


@pytest.mark.parametrize("name", ["gpt_char_mini", "bert_mini"])
def test_a_text_has_tokens_and_no_maps(name: str):
    model, ids = stir(create_model(name, vocab_size=11)), torch.randint(11, (2, 6))
    with torch.inference_mode():
        expected = model.forward_features(ids)
        last = intermediates(model, ids, norm=True, maps=False)[-1]
        fast = intermediates(for_inference(copy.deepcopy(model), ids, "fp32"), ids, norm=True, maps=False)[-1]
        rounded = intermediates(for_inference(copy.deepcopy(model), ids, "bf16"), ids, blocks=[0], maps=False)[0]
    assert torch.equal(last, expected)
    assert relative(fast, expected) <= 1e-5
    assert rounded.dtype == torch.bfloat16
    with pytest.raises(InputError, match="a text has no maps; ask for its tokens"):
        intermediates(model, ids)


def test_a_flexivit_that_trains_gives_the_grid_it_drew():
    model = create_model("flexivit_mini_32", img_size=(16, 32), patch_size=8).train()
    seen = set()
    for _ in range(20):
        (map_,) = intermediates(model, torch.randn(1, 3, 16, 32), blocks=[0])
        seen.add(tuple(map_.shape[2:]))
    assert seen == {(4, 8), (2, 4), (1, 2)}


def test_another_thread_gets_its_own():
    torch.manual_seed(0)
    model = create_model("vit_nano_patch4_32", depth=2).eval()
    images, found = torch.randn(4, 1, 3, 32, 32), dict[int, list[torch.Tensor]]()
    expected = [intermediates(model, one, blocks=[0])[0] for one in images]

    def work(number: int) -> None:
        found[number] = [intermediates(model, images[number], blocks=[0])[0] for _ in range(10)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3]
    for number, outputs in found.items():
        for one in outputs:
            torch.testing.assert_close(one, expected[number])

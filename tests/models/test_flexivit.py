"""FlexiViT: one set of weights, several patch sizes; which one a step uses is a function of (seed, step)."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.hollow import hollow
from torch import nn

import smalti
from smalti.errors import InputError
from smalti.modelfile import read_model
from smalti.models import at_patch_size, create_model, list_models
from smalti.models.flexivit import DrawnSize, FlexiViT
from smalti.models.vit import ViT
from smalti.nn.precision import in_precision

SMALL = {"img_size": 24, "patch_size": 6, "patch_sizes": (3, 4, 6, 8, 12), "embed_dim": 32, "depth": 2, "num_heads": 4}


def flexible(**options: object) -> FlexiViT:
    torch.manual_seed(0)
    made = create_model("flexivit_mini_32", **{**SMALL, "num_classes": 5, **options})
    assert isinstance(made, FlexiViT)
    nn.init.normal_(made.head.weight)  # type: ignore[arg-type]
    return made


def sizes_seen(model: FlexiViT, images: torch.Tensor, seeds: range) -> list[int]:
    """The patch size of one training step after each seed."""
    seen: list[int] = []
    hook = model.drawn_size.register_forward_hook(lambda *call: seen.append(call[2]))
    for seed in seeds:
        torch.manual_seed(seed)
        model(images)
    hook.remove()
    return seen


def test_a_step_draws_its_size_from_the_seed_and_all_sizes_come():
    model, images = flexible().train(), torch.randn(2, 3, 24, 24)
    seen = sizes_seen(model, images, range(60))
    assert seen == sizes_seen(model, images[:1], range(60))
    assert set(seen) == {3, 4, 6, 8, 12}
    assert set(sizes_seen(model.eval(), images, range(10))) == {6}


def test_every_size_trains_the_same_weights():
    model = flexible(pos_prefix=True).train()
    stored = {name: p.shape for name, p in model.named_parameters()}
    assert stored["patch_embed.proj.weight"] == (32, 3, 6, 6)
    assert stored["pos_embed"] == (1, 17, 32)
    for size in model.config.patch_sizes:
        model.zero_grad()
        model.drawn_size.sizes = (size,)
        model(torch.randn(2, 3, 24, 24)).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters()), size


@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("size", SMALL["patch_sizes"])
def test_a_plain_vit_of_a_size_answers_as_the_flexible_one_with_it(size: int, prefix: bool):
    model, images = flexible(pos_prefix=prefix, reg_tokens=2).eval(), torch.randn(3, 3, 24, 24)
    nn.init.normal_(model.pos_embed)  # type: ignore[arg-type]
    plain = at_patch_size(model, size)
    assert type(plain) is ViT
    assert not plain.training
    assert plain.config.patch_size == size
    assert plain.grid_size == (24 // size, 24 // size)
    model.drawn_size.usual = size
    with torch.no_grad():
        assert torch.equal(plain(images), model(images))
        plain.head.weight.zero_()  # type: ignore[union-attr, operator]
        assert model(images).std() > 0  # the two share nothing


def test_a_plain_vit_of_a_size_is_of_the_type_and_on_the_device_of_the_flexible_one():
    plain = at_patch_size(flexible().bfloat16(), 3)
    assert {p.dtype for p in plain.parameters()} == {torch.bfloat16}
    assert {p.device.type for p in at_patch_size(flexible().to("meta"), 3).parameters()} == {"meta"}


def test_at_its_own_size_it_is_the_plain_vit_of_the_same_weights():
    model, images = flexible().eval(), torch.randn(2, 3, 24, 24)
    options = {name: value for name, value in SMALL.items() if name != "patch_sizes"}
    plain = create_model("vit_mini_patch4_32", **options, num_classes=5, pos_prefix=False).eval()
    plain.load_state_dict(model.state_dict(), strict=True)
    with torch.no_grad():
        torch.testing.assert_close(plain(images), model(images), rtol=1e-5, atol=1e-5)


def test_larger_patches_of_a_larger_picture_have_the_same_tokens():
    """The patches of a picture scaled up, cut larger in the same measure, say what the small ones said."""
    model = flexible(patch_size=3).eval()
    small = torch.randn(2, 3, 12, 12)
    weight, _ = model.resized(6)
    patches = F.conv2d(small, model.patch_embed.proj.weight, stride=3)
    scaled = torch.cat(  # each patch by itself, as the weights have it: a whole picture is also blurred across edges
        [
            torch.cat([F.interpolate(p, (6, 6), mode="bicubic", antialias=True) for p in row.split(3, dim=3)], dim=3)
            for row in small.split(3, dim=2)
        ],
        dim=2,
    )
    torch.testing.assert_close(F.conv2d(scaled, weight, stride=6), patches, rtol=1e-4, atol=1e-4)


def test_bf16_training():
    model = flexible().train()
    step = in_precision(model, "bf16")
    for seed in range(8):
        torch.manual_seed(seed)
        loss = step(torch.randn(2, 3, 24, 24)).square().mean()
        loss.backward()
        assert loss.isfinite()
    assert model.patch_embed.proj.weight.grad is not None
    assert model.patch_embed.proj.weight.grad.dtype == torch.float32


def test_learns_one_batch_with_every_size():
    model = flexible().train()
    nn.init.zeros_(model.head.weight)  # type: ignore[arg-type]
    images, labels = torch.randn(8, 3, 24, 24), torch.arange(8) % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)
    for _ in range(200):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    for size in model.config.patch_sizes:
        with torch.no_grad():
            assert (at_patch_size(model, size)(images).argmax(1) == labels).all(), size


@pytest.mark.parametrize("name", list_models("flexivit*"))
def test_presets_build_and_fit_every_size(name: str):
    with hollow():
        model = create_model(name, depth=1).eval()  # the sizes are cut and joined before the blocks
    with torch.device("meta"):
        images = torch.empty(1, 3, *model.config.size)
        for size in model.config.patch_sizes:
            model.drawn_size.usual = size
            tokens = model.forward_features(images).shape[1]
            assert tokens == 1 + (model.config.size[0] // size) * (model.config.size[1] // size)


@pytest.mark.parametrize("name", ["flexivit_small", "flexivit_base", "flexivit_large"])
def test_published_presets_have_timms_names_and_shapes(name: str):
    timm = pytest.importorskip("timm")
    with hollow():
        ours, theirs = create_model(name), timm.create_model(name, img_size=240)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch_size": 5}, "patch_size = 5 is not one of"),
        (
            {"patch_sizes": (6, 7)},
            "img_size 24 is not a multiple of all patch_sizes",
        ),
        ({"pos_embed": "sincos"}, "pos_embed"),
        ({"rope": "tokens"}, "rope = 'tokens' is not \"none\""),
        ({"stem": "conv", "patch_size": 4}, "stem"),
    ],
)
def test_impossible_configs_are_refused(options: dict[str, object], message: str):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        flexible(**options)


def test_other_models_and_sizes_have_no_knob():
    with pytest.raises(InputError, match=r'patch size of this ViT is settled .*"flexivit" preset'):
        at_patch_size(create_model("vit_nano_patch4_32"), 4)
    with pytest.raises(InputError, match=r"patch_size = 5 is not one of \(3, 4, 6, 8, 12\)"):
        at_patch_size(flexible(), 5)


def test_the_size_of_a_draw_is_printed():
    assert repr(DrawnSize((4, 8), 8)) == "DrawnSize((4, 8), usual=8)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flexi") / "run"
    overrides = {"augment.flip": "none", "loop.evaluations": 1}
    smalti.train("digits", model="flexivit_mini_8", steps=4, out=folder, overrides=overrides, report=False, show=False)
    return folder


def test_the_model_file_keeps_the_sizes_and_the_knob_is_turned_when_it_is_used(run: Path):
    file = read_model(run)
    assert file.family == "flexivit"
    assert file.module.config.patch_sizes == (1, 2, 4)  # type: ignore[union-attr]
    answers = {None: smalti.evaluate(run, "digits", show=False).outputs.logits}
    for size in (1, 2, 4):
        model = smalti.load(run, patch_size=size)
        assert model.module.config.patch_size == size  # type: ignore[union-attr]
        answers[size] = smalti.evaluate(run, "digits", patch_size=size, show=False).outputs.logits
    np.testing.assert_array_equal(answers[2], answers[None])
    for one, other in ((1, 2), (2, 4), (4, 1)):
        assert np.abs(answers[one] - answers[other]).max() > 1e-3
    with pytest.raises(InputError, match=r"patch_size = 3 is not one of \(1, 2, 4\)"):
        smalti.load(run, patch_size=3)


def test_steps_repeat_bit_for_bit(tmp_path: Path):
    settings = {"augment.flip": "none", "loop.evaluations": 1, "loop.batch_size": 32}
    first, second = (
        smalti.train(
            "digits",
            model="flexivit_mini_8",
            steps=10,
            out=tmp_path / name,
            overrides=settings,
            report=False,
            show=False,
        )
        for name in ("first", "second")
    )
    first, second = (copy.deepcopy(read_model(done.run).module.state_dict()) for done in (first, second))
    assert all(torch.equal(first[name], second[name]) for name in first)

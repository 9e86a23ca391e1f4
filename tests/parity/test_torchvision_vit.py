"""torchvision's ViT under our names, in its present ones and in those of its published files, which are older."""

import pytest
import torch
from safetensors.torch import save_file
from tests.importing.small import SMALL, small

from smalti._torchvision import torchvision
from smalti.data.preprocess import before_crop
from smalti.importing import published_model
from smalti.weights.torchvision import TORCHVISION_VIT


def theirs(**options):
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(32, 8, 2, 3, 24, 96, num_classes=5, **options).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize("older", [False, True], ids=["present", "older"])
@pytest.mark.parametrize("hidden", [None, 16], ids=["linear head", "hidden layer in the head"])
def test_a_vit_of_torchvision_answers_as_there(hidden, older, tmp_path, monkeypatch):
    other = theirs(representation_size=hidden)
    state = other.state_dict()
    if older:
        state = {n.replace("mlp.0", "mlp.linear_1").replace("mlp.3", "mlp.linear_2"): t for n, t in state.items()}
    save_file(state, tmp_path / "vit.safetensors")
    preset = small(monkeypatch, "vit_base_patch16_224", **SMALL, img_size=32, patch_size=8)
    made = published_model(tmp_path / "vit.safetensors", preset=preset)
    assert (made.names, len(made.model.labels)) == ("torchvision", 5)
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        expected = other(images)
        assert (made.model.module(images) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_pictures_are_prepared_as_torchvision_does_it(tmp_path, monkeypatch):
    save_file(theirs().state_dict(), tmp_path / "vit.safetensors")
    preset = small(monkeypatch, "vit_base_patch16_224", **SMALL, img_size=32, patch_size=8)
    rule = published_model(tmp_path / "vit.safetensors", preset=preset).model.processor
    told = torchvision.models.ViT_B_16_Weights.IMAGENET1K_V1.transforms()
    assert (list(rule.mean), list(rule.std)) == (told.mean, told.std)
    assert (rule.fit, rule.interpolation) == ("crop", told.interpolation.value)
    assert before_crop(told.crop_size[0], rule.crop_pct) == told.resize_size[0]


def test_our_weights_under_torchvisions_names_load_strictly(tmp_path, monkeypatch):
    other = theirs()
    save_file(other.state_dict(), tmp_path / "vit.safetensors")
    preset = small(monkeypatch, "vit_base_patch16_224", **SMALL, img_size=32, patch_size=8)
    ours = published_model(tmp_path / "vit.safetensors", preset=preset).model.module
    named = TORCHVISION_VIT.to_theirs(ours.state_dict())
    assert named.keys() == other.state_dict().keys()
    assert all(torch.equal(tensor, named[name]) for name, tensor in other.state_dict().items())

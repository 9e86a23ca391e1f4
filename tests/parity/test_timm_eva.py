"""DINOv3, EVA-02 and the giant DINOv2 equal timm's on random weights, which load strictly in both directions by
`weights.timm`."""

import pytest
import torch
from tests.hollow import hollow

from smalti.models import create_model, list_models, preset_config
from smalti.weights import from_timm, load_strictly, to_ours, to_timm

timm = pytest.importorskip("timm")

SIZES = {"img_size": (32, 48), "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 4, "num_classes": 7}
PRESETS = {  # what to tell timm
    "vit_small_patch16_dinov3": {"global_pool": "token"},
    "vit_small_plus_patch16_dinov3": {"global_pool": "token"},
    "vit_small_patch16_dinov3_qkvb": {"global_pool": "token"},
    "vit_small_plus_patch16_dinov3_qkvb": {"global_pool": "token"},
    "eva02_tiny_patch14_336": {},
    "eva02_base_patch14_448": {},
    "vit_giant_patch14_dinov2": {},
    "vit_giant_patch14_reg4_dinov2": {},
}


def pair(name: str):
    torch.manual_seed(0)
    a = create_model(name, **SIZES).eval()
    b = timm.create_model(name, **SIZES, **PRESETS[name]).eval()
    for parameter in b.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return a, b


def relative(x, y):
    return ((x - y).abs().max() / y.abs().max()).item()


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("kernel", ["fused", "explicit"])
def test_equals_timm(name: str, kernel: str):
    ours, theirs = pair(name)
    ours.load_state_dict(from_timm(theirs.state_dict(), preset_config(name)[0]), strict=True)
    images = torch.randn(3, 3, 32, 48)
    with torch.set_grad_enabled(kernel == "explicit"):  # gradients choose the explicit attention on a CPU
        assert relative(ours(images), theirs(images)) <= 5e-6
        x, placed = ours.embed(images), theirs._pos_embed(theirs.patch_embed(images))
        y, rope = (placed, None) if "dinov2" in name else placed
        assert relative(x, y) <= 1e-6
        for mine, his in zip(ours.blocks, theirs.blocks, strict=True):
            x, y = mine(x, rope=ours.rope), his(y) if rope is None else his(y, rope=rope)
            assert relative(x, y) <= 5e-6


@pytest.mark.parametrize("name", PRESETS)
def test_timm_loads_our_weights(name: str):
    ours, theirs = pair(name)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # the third of a bias that keys do not have, too
    state = ours.state_dict()
    if name.endswith("qkvb"):  # zero from the start, and no gradient moves it
        for bias in (tensor for key, tensor in state.items() if key.endswith("qkv.bias")):
            bias[48:96] = 0
    theirs.load_state_dict(to_timm(state, preset_config(name)[0]), strict=True)
    images = torch.randn(2, 3, 32, 48)
    with torch.no_grad():
        assert relative(ours(images), theirs(images)) <= 1e-5


@pytest.mark.parametrize("name", list_models("*dinov3*") + list_models("eva02*"))
def test_presets_have_timms_parameters(name: str):
    with hollow():
        ours, theirs = create_model(name), timm.create_model(name)
    names = {key: tuple(tensor.shape) for key, tensor in to_timm(ours.state_dict(), preset_config(name)[0]).items()}
    assert names == {key: tuple(tensor.shape) for key, tensor in theirs.state_dict().items()}


@pytest.mark.parametrize("size", ["small", "small_plus"])
def test_the_authors_files_of_dinov3_are_read_as_timm_reads_them(size: str):
    """facebookresearch/dinov3: four storage tokens, a mask over the bias of keys, SwiGLU in w1, w2 and w3."""
    ours, theirs = pair(f"vit_{size}_patch16_dinov3_qkvb")
    D, grid = SIZES["embed_dim"], ours.state_dict()
    state = {"mask_token": torch.zeros(1, D), "rope_embed.periods": torch.zeros(3)}
    for name, tensor in grid.items():
        name = name.replace("reg_token", "storage_tokens")
        for one, other in {"fc1_g": "w1", "fc1_x": "w2", **({"fc2": "w3"} if size == "small_plus" else {})}.items():
            name = name.replace(f"mlp.{one}", f"mlp.{other}")
        state[name] = torch.randn_like(tensor) * 0.2
        if name.endswith("qkv.bias"):
            state[f"{name}_mask"] = torch.ones(3, D).index_fill_(0, torch.tensor(1), 0).flatten()
    state = {name: tensor for name, tensor in state.items() if not name.startswith("head")}

    publisher, found = to_ours(state, "vit")
    assert publisher == "timm or the authors"
    load_strictly(ours, found | {n: t for n, t in grid.items() if n.startswith("head")}, where="dinov3.pth")
    from timm.models.eva import checkpoint_filter_fn

    theirs.load_state_dict(checkpoint_filter_fn(dict(state), theirs), strict=False)
    images = torch.randn(2, 3, 32, 48)
    with torch.no_grad():
        assert relative(ours.forward_features(images), theirs.forward_features(images)) <= 5e-6

"""Weights in the layout of the authors of ViT: timm and we read the same model out of one file."""

import numpy as np
import pytest
import torch

from smalti.models import create_model
from smalti.weights import fit_input, load_strictly, read_published

timm = pytest.importorskip("timm")

D, H, DEPTH, CLASSES = 48, 3, 2, 7
OPTIONS = {"img_size": 32, "patch_size": 8, "embed_dim": D, "depth": DEPTH, "num_heads": H, "num_classes": CLASSES}


def arrays(prefix: str = "") -> dict[str, np.ndarray]:
    """Random weights as vision_transformer writes them."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.2, shape).astype(np.float32)

    found = {
        "cls": draw(1, 1, D),
        "embedding/kernel": draw(8, 8, 3, D),
        "embedding/bias": draw(D),
        "Transformer/posembed_input/pos_embedding": draw(1, 17, D),
        "Transformer/encoder_norm/scale": draw(D),
        "Transformer/encoder_norm/bias": draw(D),
        "head/kernel": draw(D, CLASSES),
        "head/bias": draw(CLASSES),
    }
    for i in range(DEPTH):
        block = f"Transformer/encoderblock_{i}/"
        for one in ("query", "key", "value"):
            found[f"{block}MultiHeadDotProductAttention_1/{one}/kernel"] = draw(D, H, D // H)
            found[f"{block}MultiHeadDotProductAttention_1/{one}/bias"] = draw(H, D // H)
        found[f"{block}MultiHeadDotProductAttention_1/out/kernel"] = draw(H, D // H, D)
        found[f"{block}MultiHeadDotProductAttention_1/out/bias"] = draw(D)
        for number, (rows, columns) in enumerate(((D, 4 * D), (4 * D, D))):
            found[f"{block}MlpBlock_3/Dense_{number}/kernel"] = draw(rows, columns)
            found[f"{block}MlpBlock_3/Dense_{number}/bias"] = draw(columns)
        for norm in ("LayerNorm_0", "LayerNorm_2"):
            found[f"{block}{norm}/scale"], found[f"{block}{norm}/bias"] = draw(D), draw(D)
    return {prefix + name: array for name, array in found.items()}


def stacked() -> dict[str, np.ndarray]:
    """The same weights as big_vision writes them: other numbers in the names, all blocks in one array, and positions of
    the patches alone."""
    old, new = (
        ("MultiHeadDotProductAttention_1", "LayerNorm_2", "MlpBlock_3"),
        (
            "MultiHeadDotProductAttention_0",
            "LayerNorm_1",
            "MlpBlock_0",
        ),
    )
    found, blocks = {}, {}
    for name, array in arrays().items():
        first, _, rest = name.partition("encoderblock_")
        if not rest:
            placed = name == "Transformer/posembed_input/pos_embedding"
            found["params/pos_embedding" if placed else f"params/{name}"] = array[:, 1:] if placed else array
            continue
        rest = rest.partition("/")[2]
        for one, other in zip(old, new, strict=True):
            rest = rest.replace(one, other)
        blocks.setdefault(f"params/{first}encoderblock/{rest}", []).append(array)
    return found | {name: np.stack(parts) for name, parts in blocks.items()}


def test_blocks_in_one_array_are_the_same_blocks(tmp_path):
    np.savez(tmp_path / "apart.npz", **arrays())
    np.savez(tmp_path / "stacked.npz", **stacked())
    first, second = (read_published(tmp_path / f"{name}.npz").state for name in ("apart", "stacked"))
    assert first.keys() == second.keys()
    first["pos_embed"] = first["pos_embed"][:, 1:]
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_positions_that_big_vision_adds_before_the_class_token_are_those_of_the_patches(tmp_path):
    np.savez(tmp_path / "stacked.npz", **stacked())
    state = read_published(tmp_path / "stacked.npz").state
    ours = create_model("vit_tiny_patch16_224", **OPTIONS).eval()
    load_strictly(ours, fit_input(state, ours), where=tmp_path)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        patches = ours.patch_embed(images) + state["pos_embed"]
        assert torch.equal(ours.embed(images), torch.cat([state["cls_token"].expand(2, -1, -1), patches], dim=1))


@pytest.mark.parametrize("prefix", ["", "opt/target/"])
def test_equals_timm(prefix, tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **arrays(prefix))
    theirs = timm.create_model("vit_tiny_patch16_224", **OPTIONS).eval()
    theirs.load_pretrained(str(path))
    ours = create_model("vit_tiny_patch16_224", **OPTIONS).eval()
    published = read_published(path)
    assert published.ours
    load_strictly(ours, published.state, where=path)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert ((ours(images) - theirs(images)).abs().max() / theirs(images).abs().max()).item() <= 1e-6

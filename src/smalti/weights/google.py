"""The .npz files of the authors of ViT (vision_transformer, big_vision): JAX's layouts and names."""

from collections.abc import Iterator, Mapping

import torch
from numpy.typing import NDArray
from torch import Tensor

from smalti.weights.names import Names, Row

__all__ = ["from_google"]

PREFIXES = ("opt/target/", "params/")
STACK = "Transformer/encoderblock/"  # of all blocks at once, by big_vision's scan: depth is the first axis
BLOCK = "Transformer/encoderblock_{i}"


def attention(number: int) -> tuple[Row, ...]:
    """The rows of an attention; its number tells the release."""
    inner = f"{BLOCK}/MultiHeadDotProductAttention_{number}"
    three = [f"{inner}/{one}" for one in ("query", "key", "value")]
    return (
        ("blocks.{i}.attn.qkv.weight", tuple(f"{one}/kernel" for one in three)),
        ("blocks.{i}.attn.qkv.bias", tuple(f"{one}/bias" for one in three)),
        ("blocks.{i}.attn.proj.weight", f"{inner}/out/kernel"),
        ("blocks.{i}.attn.proj.bias", f"{inner}/out/bias"),
    )


def layer(ours: str, theirs: str, weight: str = "kernel") -> tuple[Row, ...]:
    """The rows of a layer with a weight and a bias."""
    return (f"{ours}.weight", f"{theirs}/{weight}"), (f"{ours}.bias", f"{theirs}/bias")


NAMES = Names(
    (
        ("cls_token", "cls"),
        ("pos_embed", "Transformer/posembed_input/pos_embedding"),
        ("pos_embed", "pos_embedding"),
        *layer("patch_embed.proj", "embedding"),
        *attention(1),  # vision_transformer
        *attention(0),  # big_vision
        *layer("blocks.{i}.norm1", f"{BLOCK}/LayerNorm_0", "scale"),
        *(row for n in (2, 1) for row in layer("blocks.{i}.norm2", f"{BLOCK}/LayerNorm_{n}", "scale")),
        *(row for n in (3, 0) for row in layer("blocks.{i}.mlp.fc1", f"{BLOCK}/MlpBlock_{n}/Dense_0")),
        *(row for n in (3, 0) for row in layer("blocks.{i}.mlp.fc2", f"{BLOCK}/MlpBlock_{n}/Dense_1")),
        *layer("norm", "Transformer/encoder_norm", "scale"),
        *layer("pre_logits.fc", "pre_logits"),
        *layer("head", "head"),
    )
)


def from_google(arrays: Mapping[str, NDArray]) -> dict[str, Tensor]:
    """The arrays of an .npz file as a state dict of `models.vit.ViT`, under our names."""
    state = {}
    for name, array in arrays.items():
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        for one, part in unstacked(name, array):
            state[one] = turned(one, torch.from_numpy(part).float())
    return NAMES.to_ours(state)


def unstacked(name: str, array: NDArray) -> Iterator[tuple[str, NDArray]]:
    """An array of all blocks as one a block; others as they are."""
    if not name.startswith(STACK):
        yield name, array
        return
    for i, part in enumerate(array):
        yield f"{BLOCK.format(i=i)}/{name.removeprefix(STACK)}", part


def turned(name: str, tensor: Tensor) -> Tensor:
    """An array of JAX as torch lays it out: outputs before inputs, heads and their width as one."""
    *_, layer, kind = ("", *name.split("/"))
    if layer in ("query", "key", "value"):  # (D, H, K) or (H, K)
        tensor = tensor.flatten(-2)
    elif layer == "out" and kind == "kernel":  # (H, K, D)
        tensor = tensor.flatten(0, 1)
    if kind != "kernel":
        return tensor
    return tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor.T  # (P, P, C, D), or (inputs, outputs)

"""Every Transformer is one graph: torch.compile takes it whole, gradients and all, and torch.export for any number of
pictures or texts; so are the baselines beside it."""

import pytest
import torch
from torch import Tensor, nn

from smalti.models import create_model
from smalti.nn import merge_tokens

VIT = {"img_size": 16, "patch_size": 4, "embed_dim": 24, "depth": 1, "num_heads": 2, "num_classes": 5}
SWIN = {"img_size": 20, "patch_size": 2, "embed_dim": 8, "depths": (2,), "num_heads": (2,), "num_classes": 5}
TEXT = {"vocab_size": 11, "embed_dim": 16, "depth": 1, "num_heads": 2}
PICTURES = {
    "ViT": ("vit_mini_patch4_32", VIT),
    "DeiT": ("deit_tiny_distilled_patch16_224", VIT),
    "BEiT": ("beit_base_patch16_224", VIT),
    "FlexiViT": ("flexivit_mini_32", {**VIT, "patch_sizes": (2, 4)}),
    "Swin": ("swin_mini_patch2_window4_32", SWIN),
    "Swin V2": ("swinv2_mini_patch2_window4_32", {**SWIN, "trained_windows": ()}),
    "CNN": ("cnn_small_8", {"img_size": 16, "widths": (2, 3, 4), "num_classes": 5}),
    "MLP": ("mlp_small_8", {"img_size": 16, "num_classes": 5}),
}
TEXTS = {
    "GPT": ("gpt_char_mini", TEXT),
    "BERT": ("bert_mini", TEXT),
    "BERT with classes": ("bert_mini", {**TEXT, "num_classes": 5, "pos_embed": "rope"}),
    "RNN, as its equations read": ("rnn_char", {"vocab_size": 11, "embed_dim": 8, "hidden_dim": 8, "fused": False}),
}


def stirred(name: str, options: dict[str, object]) -> nn.Module:
    torch.manual_seed(0)
    made = create_model(name, **options).eval()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.2)
    return made


def pictures(model: nn.Module, number: int) -> Tensor:
    return torch.randn(number, 3, *model.config.size)


def compiled_agrees(model: nn.Module, x: Tensor, example: Tensor | None = None) -> None:
    torch.compiler.reset()
    whole = torch.compile(model, backend="eager", fullgraph=True)
    whole(x if example is None else example)
    gradients = []
    for one in (whole, model):
        y = one(x)
        gradients.append(torch.autograd.grad(y.square().sum(), list(model.parameters()), allow_unused=True))
    torch.testing.assert_close(whole(x), model(x), rtol=1e-5, atol=1e-6)
    for mine, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-5)


def exported_agrees(model: nn.Module, *examples: Tensor) -> None:
    graph = torch.export.export(model, examples[:1], dynamic_shapes=({0: torch.export.Dim("B", max=64)},)).module()
    with torch.no_grad():
        for x in examples:
            torch.testing.assert_close(graph(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["ViT", "Swin"])
def test_a_model_of_pictures_compiles_whole(name: str):
    model = stirred(*PICTURES[name])
    compiled_agrees(model, pictures(model, 2))


@pytest.mark.parametrize("name", PICTURES)
def test_a_model_of_pictures_is_exported_for_any_number_of_them(name: str):
    model = stirred(*PICTURES[name])
    exported_agrees(model, *(pictures(model, number) for number in (2, 5, 1)))


def test_a_model_that_merges_tokens_is_exported_for_any_number_of_pictures():
    model = merge_tokens(stirred(*PICTURES["ViT"]), 3)
    exported_agrees(model, *(pictures(model, number) for number in (2, 5, 1)))


@pytest.mark.parametrize("name", TEXTS)
def test_a_model_of_text_is_one_graph_with_padding_or_without(name: str):
    model = stirred(*TEXTS[name])
    plain = torch.randint(11, (3, 7))
    padded = plain.clone()
    padded[0, :2], padded[2, 4:] = -1, -1
    exported_agrees(model, plain, padded, plain[:1])
    compiled_agrees(model, padded, example=plain)

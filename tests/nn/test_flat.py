"""Blocks that are written out answer as before, and only those that are plain are."""

import copy

import pytest
import torch
from torch import nn

from smalti.models import create_model
from smalti.nn.flat import FlatBlock, flattened
from smalti.nn.inference import for_inference

SIZES = {"vocab_size": 50, "max_len": 40, "embed_dim": 32, "depth": 2, "num_heads": 4}
TOKENS = torch.randint(50, (3, 20), generator=torch.Generator().manual_seed(0))
PADDED = TOKENS.masked_fill(torch.arange(20) < torch.tensor([[0], [4], [7]]), -1)


def both(name: str, **options: object) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    made = create_model(name, **SIZES, **options).eval()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.2)
    return made, flattened(copy.deepcopy(made))


def count(module: nn.Module) -> int:
    return sum(isinstance(part, FlatBlock) for part in module.modules())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gpt_char_mini", {"drop_rate": 0.5}),
        ("gpt_char_mini", {"pos_embed": "rope", "norm": "rms", "qkv_bias": False}),
        ("gpt_char_mini", {"mlp": "gelu_tanh"}),
        ("bert_mini", {"num_classes": 3}),
    ],
)
def test_answers_stay_bit_for_bit(name: str, options: dict):
    plain, flat = both(name, **options)
    assert count(flat) == 2
    with torch.inference_mode():
        for tokens in (TOKENS, PADDED):
            assert torch.equal(flat(tokens), plain(tokens))


def test_going_on_from_a_cache_stays_too():
    plain, flat = both("gpt_char_mini", attn_drop=0.5)  # the dropout is off, and so is its slow way
    with torch.inference_mode():
        memory, said = None, []
        for piece in TOKENS.split([9, 1, 1, 9], dim=1):
            logits, memory = flat.extend(piece, memory)
            said.append(logits)
        torch.testing.assert_close(torch.cat(said, 1), plain(TOKENS), rtol=1e-5, atol=1e-5)


def test_other_blocks_stay_what_they_are():
    for name, options in (
        ("bert_mini", {"wiring": "post"}),
        ("gpt_char_mini", {"mlp": "swiglu"}),
        ("seq2seq_mini", {}),
    ):
        assert count(both(name, **options)[1]) == (2 if name == "seq2seq_mini" else 0)  # its encoder is plain


def test_packed_layers_in_bf16_are_written_out_with_a_cache_in_fp32():
    plain, _ = both("gpt_char_mini")
    packed, flat = (for_inference(copy.deepcopy(plain), (TOKENS,), "bf16") for _ in range(2))
    flat = flattened(flat)
    with torch.inference_mode():
        a, b = (model.extend(TOKENS[:, :9])[1] for model in (packed, flat))
        assert {kept.dtype for kept in a[0].kept} == {torch.float32}
        for step in TOKENS[:, 9:].unbind(1):
            (one, a), (two, b) = packed.extend(step[:, None], a), flat.extend(step[:, None], b)
            torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-6)
        exact = plain(TOKENS)[:, -1:]
    assert (two - exact).abs().max() < 0.05 * exact.abs().max()

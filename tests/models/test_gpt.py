"""GPT: GPT-2's first weights, and what is made once instead of in every block."""

import math

import torch

from smalti.models import create_model
from smalti.nn import attention_maps


def test_the_first_weights_are_gpt2s():
    torch.manual_seed(0)
    model = create_model("gpt_char_baby")
    last = 0.02 / math.sqrt(2 * 6)
    wanted = {"token_embed": 0.02, "attn.qkv": 0.02, "attn.proj": last, "mlp.fc1": 0.02, "mlp.fc2": last}
    for name, parameter in model.named_parameters():
        layer = name.removesuffix(".weight").split(".", 2)[-1]
        if name.endswith("weight") and layer in wanted:
            assert abs(parameter.std().item() / wanted[layer] - 1) < 0.02, name
        elif name.endswith("bias"):
            assert not parameter.any()
    loss = torch.nn.functional.cross_entropy(model(torch.arange(200)[None])[0, :-1], torch.arange(1, 200))
    assert abs(loss - math.log(256)) < 0.1


def test_tied_logits_come_from_the_table_and_it_is_stored_once():
    model = create_model("gpt_char_mini")
    assert not [name for name in model.state_dict() if name.startswith("head")]
    tokens = torch.arange(9)[None]
    wanted = model.forward_features(tokens) @ model.token_embed.weight.T
    torch.testing.assert_close(model(tokens), wanted)


def test_a_copy_has_a_table_of_its_own():
    import copy

    model = create_model("gpt_char_mini")
    twin = copy.deepcopy(model)
    torch.nn.init.zeros_(model.token_embed.weight)
    assert not model(torch.arange(3)[None]).any()
    assert twin(torch.arange(3)[None]).any()


def test_attention_maps_of_a_continuation_reach_back():
    model = create_model("gpt_char_mini").eval()
    tokens = torch.arange(9)[None]
    with torch.no_grad(), attention_maps(model) as maps:
        model(tokens)
        whole = maps["blocks.3.attn"]
        _, memory = model.extend(tokens[:, :5])
        model.extend(tokens[:, 5:], memory)
    assert whole.shape == (1, 4, 9, 9)
    assert torch.equal(whole.triu(1), torch.zeros_like(whole))
    torch.testing.assert_close(maps["blocks.3.attn"], whole[:, :, 5:], rtol=1e-4, atol=1e-6)

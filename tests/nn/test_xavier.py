"""Linear layers begin as in the papers."""

import pytest
from torch import nn

from smalti.models import create_model


@pytest.mark.parametrize(("name", "attentions"), [("vit_tiny_patch16_224", 3), ("seq2seq_mini", 6)])
def test_queries_keys_and_values_are_drawn_as_matrices_of_their_own(name: str, attentions: int):
    options = {"depth": 2, "pool": "map"} if name.startswith("vit") else {}
    model = create_model(name, **options)
    D, found = model.config.embed_dim, 0
    for layer, module in model.named_modules():
        if layer.endswith(("qkv", ".q", ".kv", "attn.proj", "cross.proj")) and isinstance(module, nn.Linear):
            found += layer.endswith(("qkv", ".kv"))
            for part in module.weight.split(D):
                assert part.std().item() == pytest.approx(D**-0.5, rel=0.05), layer
            assert not module.bias.any()
    assert found == attentions

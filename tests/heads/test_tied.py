import torch
from torch import nn

from smalti.heads import TiedLinear


def test_it_reads_the_table_backwards_and_owns_only_its_bias():
    table = nn.Embedding(5, 3)
    head = TiedLinear(table, bias=True)
    nn.init.normal_(head.bias)
    x = torch.randn(2, 3)
    torch.testing.assert_close(head(x), x @ table.weight.T + head.bias)
    assert list(head.state_dict()) == ["bias"]
    assert not list(TiedLinear(table).parameters())


def test_it_answers_in_fp32_whatever_it_computes_in():
    table = nn.Embedding(5, 3)
    x = torch.randn(2, 3)
    with torch.autocast("cpu", torch.bfloat16):
        found = TiedLinear(table)(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, x @ table.weight.T, rtol=0.02, atol=0.02)
    table.bfloat16()
    assert TiedLinear(table)(x).dtype == torch.float32

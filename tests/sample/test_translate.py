from types import SimpleNamespace

import torch
from torch import nn

from smalti.sample import translate

START, END = 10, 11


class Backwards(nn.Module):
    """Says the source backwards."""

    def __init__(self, max_len=None):
        super().__init__()
        self.config = SimpleNamespace(max_len=max_len)
        self.eval()

    def read(self, source):
        return source, 0

    def extend(self, tokens, memory):
        source, said = memory
        rows = [[*[i for i in row.tolist() if i >= 0][::-1], *[END] * 9] for row in source]
        following = torch.tensor([row[said] for row in rows])
        return nn.functional.one_hot(following, 12)[:, None].float(), (source, said + 1)


def test_each_target_goes_to_its_own_end():
    source = torch.tensor([[1, 2, 3], [4, -1, -1], [-1, 5, 6]])
    said = translate(Backwards(), source, start=START, end=END, max_tokens=20)
    assert [row.tolist() for row in said] == [[3, 2, 1], [4], [6, 5]]


def test_a_target_is_at_most_as_long_as_allowed():
    source = torch.tensor([[1, 2, 3]])
    assert translate(Backwards(), source, start=START, end=END, max_tokens=2)[0].tolist() == [3, 2]
    assert translate(Backwards(1), source, start=START, end=END, max_tokens=9)[0].tolist() == [3]
    assert translate(Backwards(), torch.tensor([[-1]]), start=START, end=END, max_tokens=9)[0].tolist() == []

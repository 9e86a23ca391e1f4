"""Which device runs a model."""

import pytest
import torch

from smalti.errors import InputError
from smalti.nn.device import find_device


def test_a_device_that_is_not_here_is_named():
    assert find_device("cpu").type == "cpu"
    with pytest.raises(InputError, match='device "gpuu" is not available'):
        find_device("gpuu")


def test_a_gpu_is_taken_unasked_where_it_is_cuda(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device().type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", lambda *_, device: torch.ones(1))  # there need not be one here
    assert find_device().type == "cuda"

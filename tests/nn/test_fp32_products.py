"""fp32 products by another library are fp32 products."""

import pytest
import torch

from smalti.nn import _onednn

A, B = torch.randn(2, 300, 300, generator=torch.Generator().manual_seed(3)).unbind()


@pytest.fixture(autouse=True)
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Intel's own processors MKL keeps the products."""
    monkeypatch.setattr(_onednn, "is_intel", lambda: False)


def error(product: torch.Tensor) -> float:
    wanted = A.double() @ B.double()
    return ((product - wanted).abs().max() / wanted.abs().max()).item()


def test_they_are_exact_and_the_switch_comes_back():
    before = torch.backends.mkldnn.matmul.fp32_precision
    with _onednn.fp32_products():
        found = A @ B
    assert error(found) < 2e-6
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    with pytest.raises(KeyError), _onednn.fp32_products():
        raise KeyError
    assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_a_machine_that_rounds_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    """With AMX the switch would round to bf16."""

    class Rounds:
        fp32_precision = "none"

    real = torch.Tensor.__matmul__
    matmul = Rounds()
    monkeypatch.setattr(torch.backends.mkldnn, "matmul", matmul)
    monkeypatch.setattr(
        torch.Tensor,
        "__matmul__",
        lambda a, b: real(a.bfloat16(), b.bfloat16()).float() if matmul.fp32_precision == "bf16" else real(a, b),
    )
    _onednn.exact.cache_clear()
    try:
        assert not _onednn.exact()
        assert matmul.fp32_precision == "none"
        with _onednn.fp32_products():
            assert matmul.fp32_precision == "none"
    finally:
        _onednn.exact.cache_clear()

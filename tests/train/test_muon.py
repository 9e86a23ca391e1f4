"""Our Muon is torch's Muon, matrices of one shape at a time, and kernels as matrices."""

import copy
import sys

import pytest
import torch
from torch import nn

from smalti.nn.precision import DTYPES
from smalti.train.muon import Muon, orthogonalised

SHAPES = [(32, 96), (96, 32), (32, 32), (64, 32), (32, 64), (32, 32), (8, 8)]


def matrices() -> list[nn.Parameter]:
    rng = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=rng)) for shape in SHAPES]


def steps(optimizer: torch.optim.Optimizer, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        rng = torch.Generator().manual_seed(number)
        for group in optimizer.param_groups:
            for matrix in group["params"]:
                matrix.grad = torch.randn(matrix.shape, generator=rng)
        optimizer.step()


def test_it_moves_as_torchs_muon_does():
    ours, theirs, start = matrices(), matrices(), matrices()
    steps(Muon(ours, lr=0.02, weight_decay=0.1), 4)
    steps(torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"), 4)
    for a, b, c in zip(ours, theirs, start, strict=True):
        assert (a - b).norm() <= 0.01 * (b - c).norm()  # theirs computes in bf16


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(16, 8, 3, 3), (96, 3, 3, 3)])
def test_a_kernel_moves_as_its_matrix_does(shape: tuple[int, ...], layout: torch.memory_format):
    rng = torch.Generator().manual_seed(0)
    start = torch.randn(shape, generator=rng)
    kernel, as_matrix = nn.Parameter(start.clone(memory_format=layout)), nn.Parameter(start.flatten(1).clone())
    ours = Muon([kernel], lr=0.02, weight_decay=0.1)
    theirs = torch.optim.Muon([as_matrix], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        gradient = torch.randn(shape, generator=rng)
        kernel.grad, as_matrix.grad = gradient.clone(memory_format=layout), gradient.flatten(1)
        ours.step()
        theirs.step()
    assert (kernel.flatten(1) - as_matrix).norm() <= 0.01 * (as_matrix - start.flatten(1)).norm()


def test_it_resumes():
    whole, first = matrices(), matrices()
    steps(Muon(whole, lr=0.02, weight_decay=0.1), 4)
    before = Muon(first, lr=0.02, weight_decay=0.1)
    steps(before, 2)
    second = copy.deepcopy(first)
    after = Muon(second, lr=0.02, weight_decay=0.1)
    after.load_state_dict(before.state_dict())
    steps(after, 2, start=2)
    assert all(torch.equal(a, b) for a, b in zip(whole, second, strict=True))


def test_matrices_without_a_gradient_stay():
    held, moved = matrices()[:2]
    optimizer = Muon([held, moved], lr=0.1, weight_decay=0.0)
    moved.grad = torch.ones_like(moved)
    before = held.detach().clone()
    optimizer.step()
    assert torch.equal(held, before)
    assert not optimizer.state[held]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("shape", [(4, 16, 16), (3, 16, 48)])
def test_singular_values_come_near_to_one(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], precision: str):
    """In the best precision of the device."""
    monkeypatch.setattr(sys.modules[orthogonalised.__module__], "best_precision", lambda device: (precision, ""))
    found = orthogonalised(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    assert found.dtype == DTYPES[precision]
    values = torch.linalg.svdvals(found.float())
    assert values.min() > 0.3
    assert values.max() < 1.3

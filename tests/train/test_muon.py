"""Our Muon is torch's Muon, matrices of one shape at a time, and kernels as matrices, but for how a matrix is made
orthogonal."""

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


@pytest.fixture
def torchs_iteration(monkeypatch: pytest.MonkeyPatch):
    """Five steps from a Frobenius norm of 1, as Jordan et al. have it."""

    def orthogonalise(matrices: torch.Tensor, *, steps: int) -> torch.Tensor:
        x = matrices / matrices.norm(dim=(-2, -1), keepdim=True)
        for _ in range(steps):
            gram = x @ x.mT
            x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
        return x

    monkeypatch.setattr(sys.modules[Muon.__module__], "orthogonalised", orthogonalise)


@pytest.mark.usefixtures("torchs_iteration")
def test_it_moves_as_torchs_muon_does():
    ours, theirs, start = matrices(), matrices(), matrices()
    steps(Muon(ours, lr=0.02, weight_decay=0.1), 4)
    steps(torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"), 4)
    for a, b, c in zip(ours, theirs, start, strict=True):
        assert (a - b).norm() <= 0.01 * (b - c).norm()  # theirs computes in bf16


@pytest.mark.usefixtures("torchs_iteration")
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
@pytest.mark.parametrize("fall", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(4, 16, 16), (3, 16, 48), (2, 128, 384)])
def test_singular_values_come_near_to_one(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], fall: float, precision: str
):
    """Those of a matrix whose n-th is n**-fall, in the best precision of the device; the singular vectors stay."""
    monkeypatch.setattr(sys.modules[orthogonalised.__module__], "best_precision", lambda device: (precision, ""))
    rng = torch.Generator().manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape, generator=rng), full_matrices=False)
    values = torch.arange(1.0, shape[1] + 1) ** -fall
    found = orthogonalised(1e-4 * left * values @ right, steps=3)
    assert found.dtype == DTYPES[precision]
    moved = left.mT @ found.float() @ right.mT
    new = moved.diagonal(dim1=-2, dim2=-1)
    assert (moved - torch.diag_embed(new)).abs().max() < {"fp32": 1e-5, "bf16": 0.05}[precision]
    assert new.max() < 1.3
    assert new[..., : shape[1] // 3].min() > 0.5  # the third that matters most
    assert new.min() > min(0.5, 10 * values.min())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("shape", [(4, 16, 16), (3, 16, 48)])
def test_five_steps_bring_all_of_a_random_matrix_near_to_one(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], precision: str
):
    monkeypatch.setattr(sys.modules[orthogonalised.__module__], "best_precision", lambda device: (precision, ""))
    values = torch.linalg.svdvals(
        orthogonalised(torch.randn(shape, generator=torch.Generator().manual_seed(0))).float()
    )
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_nothing_stays_nothing():
    assert torch.equal(orthogonalised(torch.zeros(2, 4, 8)), torch.zeros(2, 4, 8))

"""Every loss equals a reference, and gives finite slopes for the most extreme answers."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from smalti._torchvision import torchvision
from smalti.errors import InputError
from smalti.objectives.losses import LOSSES, binary_focal, cross_entropy, find_loss, focal, one_vs_all, ordinal

B, K = 7, 5
OF_CLASSES = list(LOSSES["classify"].items())
ELEMENTWISE = list(LOSSES["multilabel"].items())
EXTREMES = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [200.0, 0.0, -200.0], [0.0, 0.0, 0.0]])


def drawn(seed=0):
    """Logits (B, K) that take gradients, and class numbers (B,)."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(B, K, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.randint(K, (B,), generator=generator)


def one_hot(labels, classes=K):
    return F.one_hot(labels, classes).double()


def mixed(seed=0):
    """Shares of two classes each, as mixup makes them."""
    _, labels = drawn(seed)
    return 0.7 * one_hot(labels) + 0.3 * one_hot(labels.flip(0))


def same(loss, reference, logits):
    """Values (B,) or (B, K) and their slopes agree."""
    torch.testing.assert_close(loss, reference)
    a, b = (torch.autograd.grad(x.sum(), logits, retain_graph=True)[0] for x in (loss, reference))
    torch.testing.assert_close(a, b)


class TestCrossEntropy:
    def test_of_class_numbers_is_torchs_and_scikit_learns(self):
        logits, labels = drawn()
        loss = cross_entropy(logits, one_hot(labels))
        same(loss, F.cross_entropy(logits, labels, reduction="none"), logits)
        probabilities = logits.detach().softmax(-1).numpy()
        assert loss.mean().item() == pytest.approx(log_loss(labels, probabilities, labels=list(range(K))))

    def test_smoothing_spreads_the_label(self):
        logits, labels = drawn()
        reference = -((0.8 * one_hot(labels) + 0.2 / K) * logits.log_softmax(-1)).sum(-1)
        same(cross_entropy(logits, one_hot(labels), 0.2), reference, logits)


class TestOneVsAll:
    def test_is_torchs_binary_cross_entropy_with_every_class_there_that_was_mixed_in(self):
        logits, _ = drawn()
        shares = mixed()
        reference = F.binary_cross_entropy_with_logits(logits, (shares > 0).double(), reduction="none").mean(-1)
        same(one_vs_all(logits, shares), reference, logits)
        assert ((shares > 0).sum(-1) == 2).any()

    def test_smoothing_is_that_of_timm(self):
        timm = pytest.importorskip("timm.loss")
        logits, labels = drawn()
        reference = timm.BinaryCrossEntropy(smoothing=0.2)(logits, labels)
        torch.testing.assert_close(one_vs_all(logits, one_hot(labels), 0.2).mean(), reference, check_dtype=False)


class TestFocal:
    @pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
    def test_of_labels_is_torchvisions(self, gamma):
        logits, _ = drawn()
        targets = (torch.rand(B, K, generator=torch.Generator().manual_seed(1)) > 0.5).double()
        reference = torchvision.ops.sigmoid_focal_loss(logits, targets, alpha=-1, gamma=gamma)
        same(binary_focal(logits, targets, gamma), reference, logits)

    @pytest.mark.parametrize("gamma", [0.5, 2.0])
    def test_of_soft_labels_is_torchvisions(self, gamma):
        logits, _ = drawn()
        targets = torch.rand(B, K, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        reference = torchvision.ops.sigmoid_focal_loss(logits, targets, alpha=-1, gamma=gamma)
        same(binary_focal(logits, targets, gamma), reference, logits)

    @pytest.mark.parametrize("gamma", [0.5, 2.0])
    def test_of_two_classes_is_torchvisions_of_their_difference(self, gamma):
        logits, labels = drawn()
        two = logits[:, :2]
        shares = one_hot(labels % 2, 2)
        reference = torchvision.ops.sigmoid_focal_loss(two[:, 1] - two[:, 0], shares[:, 1], alpha=-1, gamma=gamma)
        same(focal(two, shares, gamma=gamma), reference, logits)

    def test_without_gamma_it_is_cross_entropy(self):
        logits, _ = drawn()
        same(focal(logits, mixed(), 0.1, gamma=0.0), cross_entropy(logits, mixed(), 0.1), logits)


class TestOrdinal:
    def test_is_the_binary_cross_entropy_of_every_threshold(self):
        logits, _ = drawn()
        for shares in (mixed(), one_hot(drawn()[1])):
            above = logits.softmax(-1).flip(-1).cumsum(-1).flip(-1)[:, 1:]  # P(class > k)
            wanted = torch.stack([shares[:, k + 1 :].sum(-1) for k in range(K - 1)], -1)
            reference = F.binary_cross_entropy(above, wanted, reduction="none").mean(-1)
            same(ordinal(logits, shares), reference, logits)

    def test_of_two_classes_is_cross_entropy(self):
        logits, labels = drawn()
        shares = one_hot(labels % 2, 2)
        same(ordinal(logits[:, :2], shares, 0.1), cross_entropy(logits[:, :2], shares, 0.1), logits)

    def test_an_answer_further_off_costs_more_where_cross_entropy_sees_no_difference(self):
        sure = 6 * torch.eye(K, dtype=torch.float64)  # row j says class j
        truth = one_hot(torch.zeros(K, dtype=torch.long))
        assert (ordinal(sure, truth).diff() > 1).all()
        torch.testing.assert_close(cross_entropy(sure, truth)[1:], cross_entropy(sure, truth)[1:2].expand(K - 1))

    def test_the_belief_that_costs_least_is_the_truth(self):
        """Strictly proper: so the softmax is a probability, and its argmax the likeliest class."""
        truth = torch.tensor([[0.5, 0.1, 0.05, 0.05, 0.3]], dtype=torch.float64)
        logits = torch.zeros(1, K, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            loss = ordinal(logits, truth).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        torch.testing.assert_close(logits.detach().softmax(-1), truth, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "loss"), OF_CLASSES)
class TestOfClasses:
    @pytest.mark.parametrize("label", [0, 1, 2])
    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_extreme_logits_give_finite_losses_and_slopes(self, name, loss, label, smoothing):
        extras = [{"gamma": 0.5}, {"gamma": 2.0}] if name == "focal" else [{}]
        for extra in extras:
            logits = EXTREMES.clone().requires_grad_()
            losses = loss(logits, F.one_hot(torch.full((4,), label), 3).float(), smoothing, **extra)
            (slopes,) = torch.autograd.grad(losses.sum(), logits)
            assert losses.isfinite().all()
            assert slopes.isfinite().all()
            assert (losses >= -1e-5).all()
            assert losses.max() > 1000  # it sees how wrong they are

    def test_slopes_are_those_of_small_differences(self, name, loss):
        logits, _ = drawn()
        assert torch.autograd.gradcheck(partial(loss, shares=mixed(), smoothing=0.1), (logits,))

    @given(st.integers(0, 2**32), st.integers(2, 6), st.floats(0, 0.5))
    def test_pictures_do_not_know_each_other_and_none_pays_less_than_nothing(
        self, name, loss, seed, classes, smoothing
    ):
        generator = torch.Generator().manual_seed(seed)
        logits = 10 * torch.randn(4, classes, generator=generator, dtype=torch.float64)
        shares = torch.rand(4, classes, generator=generator, dtype=torch.float64)
        shares = shares / shares.sum(-1, keepdim=True)
        losses = loss(logits, shares, smoothing)
        assert losses.shape == (4,)
        assert (losses >= -1e-9).all()
        torch.testing.assert_close(losses[2:3], loss(logits[2:3], shares[2:3], smoothing))


@pytest.mark.parametrize(("name", "loss"), OF_CLASSES)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses(name, loss, seed, share):
    """But of one-vs-all, which takes both classes as fully there."""
    logits, labels = drawn(seed)
    a, b = one_hot(labels), one_hot((labels + 1) % K)
    whole = loss(logits, share * a + (1 - share) * b)
    parts = share * loss(logits, a) + (1 - share) * loss(logits, b)
    if loss is one_vs_all:
        torch.testing.assert_close(one_vs_all(logits, 0.5 * a + 0.5 * b), one_vs_all(logits, 0.9 * a + 0.1 * b))
    else:
        torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize(("name", "loss"), ELEMENTWISE)
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_extreme_logits_of_labels_give_finite_losses_and_slopes(name, loss, target):
    for extra in [{"gamma": 0.5}, {"gamma": 2.0}] if name == "focal" else [{}]:
        logits = EXTREMES.clone().requires_grad_()
        losses = loss(logits, torch.full_like(EXTREMES, target), **extra)
        (slopes,) = torch.autograd.grad(losses.sum(), logits)
        assert losses.shape == EXTREMES.shape
        assert losses.isfinite().all()
        assert slopes.isfinite().all()
        assert (losses >= 0).all()


def test_names():
    assert [find_loss(task, "auto") for task in LOSSES] == ["cross_entropy", "bce", "huber"]
    assert find_loss("classify", "ordinal") == "ordinal"
    with pytest.raises(InputError, match='"mse" is not a loss of the task classify; use cross_entropy or bce or'):
        find_loss("classify", "mse")


def test_numbers_have_the_losses_of_torch():
    values, targets = torch.tensor([[0.5, -3.0]]), torch.zeros(1, 2)
    expected = {"huber": (0.125 + 2.5) / 2, "mse": (0.25 + 9) / 2, "l1": 3.5 / 2}
    assert {name: loss(values, targets).item() for name, loss in LOSSES["regress"].items()} == pytest.approx(expected)

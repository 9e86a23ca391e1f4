import pytest
import torch
import torch.nn.functional as F

from smalti.objectives import token_loss


def test_the_mean_is_over_the_real_tokens():
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 5), torch.tensor([[1, 2, -1], [4, -7, -1]])
    loss, metrics = token_loss(logits, target)
    terms = [-logits[i, j].log_softmax(0)[target[i, j]] for i, j in ((0, 0), (0, 1), (1, 0))]
    torch.testing.assert_close(loss, torch.stack(terms).mean())
    right = [logits[i, j].argmax() == target[i, j] for i, j in ((0, 0), (0, 1), (1, 0))]
    assert metrics["accuracy"].item() == pytest.approx(sum(map(float, right)) / 3)


def test_nothing_but_padding_costs_nothing():
    logits = torch.randn(2, 3, 5, requires_grad=True)
    loss, metrics = token_loss(logits, torch.full((2, 3), -1))
    loss.backward()
    assert loss.item() == metrics["accuracy"].item() == 0
    assert not logits.grad.any()


def test_logits_in_bf16_are_judged_in_fp32():
    logits, target = torch.randn(4, 9).bfloat16(), torch.tensor([1, 2, 3, 4])
    loss, _ = token_loss(logits, target)
    torch.testing.assert_close(loss, F.cross_entropy(logits.float(), target))

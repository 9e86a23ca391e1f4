"""Distillation: the losses of the papers, which head learns from whom, and the same in every precision."""

import pytest
import torch
import torch.nn.functional as F

from smalti.models import create_model
from smalti.nn.precision import in_precision
from smalti.objectives import Classify, Distill
from smalti.objectives.distill import hard, soft

TINY = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 5}
BATCH = {"image": torch.randn(6, 3, 32, 32), "target": torch.tensor([0, 1, 2, 3, 4, 0])}
TEACHER = torch.randn(6, 5) * 3


def student(preset: str = "deit_tiny_distilled_patch16_224"):
    torch.manual_seed(0)
    model = create_model(preset, **TINY)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def distill(model, *, match=hard, share=0.5, teacher=lambda images: TEACHER):
    return Distill(Classify(smoothing=0.1), teacher, match=match, share=share, student=model)


def test_hard_is_cross_entropy_with_the_choice_and_soft_is_the_divergence_by_hand():
    logits = torch.randn(6, 5)
    assert torch.equal(hard(logits, TEACHER), F.cross_entropy(logits, TEACHER.argmax(1)))
    p, q = ((one / 2).softmax(-1) for one in (TEACHER, logits))
    by_hand = 4 * (p * (p / q).log()).sum() / 6
    torch.testing.assert_close(soft(logits, TEACHER, temperature=2.0), by_hand)
    torch.testing.assert_close(soft(TEACHER, TEACHER), torch.tensor(0.0), atol=1e-6, rtol=0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_labels_teach_one_head_of_a_deit_and_the_teacher_the_other(precision):
    model = student().train()
    forward = in_precision(model, precision)
    for share, idle, busy in ((1.0, "head", "head_dist"), (1e-9, "head_dist", "head")):
        model.zero_grad()
        loss, metrics = distill(model, share=share)(forward, BATCH)
        loss.backward()
        assert getattr(model, busy).weight.grad.abs().max() > 1e-3
        assert getattr(model, idle).weight.grad.abs().max() < 1e-6
        assert metrics.keys() == {"accuracy", "teacher"}
    assert not model.head._forward_hooks
    assert not model.head_dist._forward_hooks


def test_the_loss_of_a_deit_is_that_of_its_two_heads():
    model = student().eval()
    labelled, taught = model.forward_heads(model.forward_features(BATCH["image"]))
    loss, metrics = distill(model, share=0.25)(model, BATCH)
    expected = 0.75 * F.cross_entropy(labelled, BATCH["target"], label_smoothing=0.1)
    expected = expected + 0.25 * F.cross_entropy(taught, TEACHER.argmax(1))
    torch.testing.assert_close(loss, expected)
    assert metrics["teacher"] == (taught.argmax(1) == TEACHER.argmax(1)).float().mean()


def test_a_model_with_one_head_answers_both_with_it():
    model = student("vit_tiny_patch16_224").eval()
    logits = model(BATCH["image"])
    loss, _ = distill(model, match=soft)(model, BATCH)
    expected = 0.5 * F.cross_entropy(logits, BATCH["target"], label_smoothing=0.1) + 0.5 * soft(logits, TEACHER)
    torch.testing.assert_close(loss, expected)


def test_the_teacher_sees_the_pictures_of_the_batch_and_gets_no_gradient():
    seen = []
    weight = torch.randn(3, 5, requires_grad=True)

    def teacher(images):
        seen.append(images)
        return images.mean((2, 3)) @ weight

    model = student("vit_tiny_patch16_224")
    loss, _ = distill(model, match=soft, teacher=teacher)(model, BATCH)
    loss.backward()
    assert seen[0] is BATCH["image"]
    assert weight.grad is None

import numpy as np
import pytest
import torch
from torch import nn

from smalti.data.views import Views
from smalti.errors import InputError
from smalti.evaluate.outputs import (
    collect,
    evaluating,
    mean_raw,
    mean_sigmoid,
    mean_softmax,
    sigmoid,
    softmax,
)


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * 4 * 4, 5))


def batches(sizes=(3, 3, 2)):
    generator, start, out = torch.Generator().manual_seed(1), 0, []
    for n in sizes:
        images = torch.randn(n, 3, 4, 4, generator=generator)
        out.append({"image": images, "target": torch.arange(n) % 5, "id": torch.arange(start, start + n) * 7})
        start += n
    return out


def test_outputs_are_the_modules_own_logits_in_order():
    module, data = model(), batches()
    outputs = collect(module, data)
    with torch.no_grad():
        expected = module.eval()(torch.cat([b["image"] for b in data]))
    torch.testing.assert_close(torch.from_numpy(outputs.logits), expected)
    np.testing.assert_array_equal(outputs.ids, np.arange(8) * 7)
    np.testing.assert_array_equal(outputs.targets, [0, 1, 2, 0, 1, 2, 0, 1])
    assert outputs.logits.dtype == np.float32
    assert len(outputs) == 8


def test_every_part_gets_its_mode_back_even_after_an_error():
    module = model().train()
    module[1].eval()  # frozen on purpose
    collect(module, batches())
    assert [part.training for part in module] == [True, False, True]

    def fails():
        with evaluating(module):
            assert not module.training
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        fails()
    assert module.training
    assert not module[1].training


def test_no_gradients_are_kept():
    module, seen = model(), []
    module[2].register_forward_hook(lambda *args: seen.append(args[-1].requires_grad))
    collect(module, batches())
    assert seen == [False, False, False]


def test_views_are_averaged_as_probabilities():
    module, data = model(), batches()
    straight = collect(module, data)
    flipped = collect(module, [{**batch, "image": batch["image"].flip(-1)} for batch in data])
    both = collect(module, data, views=Views(mirror=True))
    expected = (softmax(straight.logits) + softmax(flipped.logits)) / 2
    np.testing.assert_allclose(softmax(both.logits), expected, atol=1e-6)
    assert np.abs(straight.logits - flipped.logits).max() > 0.01  # the views do differ


def test_averages():
    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)) * 3
    torch.testing.assert_close(mean_softmax(logits).softmax(-1), logits.softmax(-1).mean(0))
    torch.testing.assert_close(mean_sigmoid(logits).sigmoid(), logits.sigmoid().mean(0))
    torch.testing.assert_close(mean_raw(logits), logits.mean(0))
    assert mean_sigmoid(torch.full((2, 1, 1), 500.0)).isfinite().all()


def test_softmax_and_sigmoid_keep_what_float32_loses():
    assert softmax(np.array([[0.0, 200.0]], np.float32))[0, 0] == pytest.approx(np.exp(-200))
    np.testing.assert_allclose(sigmoid(np.array([-800.0, 0.0, 800.0])), [0, 0.5, 1])


def test_reduced_precision_changes_little():
    exact, rough = (collect(model(), batches(), precision=p) for p in ("fp32", "bf16"))
    assert rough.logits.dtype == np.float32
    assert 0 < np.abs(exact.logits - rough.logits).max() < 0.05


def test_nothing_to_evaluate_is_said():
    with pytest.raises(InputError, match="no samples"):
        collect(model(), [])

import math

import pytest
import torch

from smalti.errors import DivergedError, InputError
from smalti.models import create_model
from smalti.nn import _onednn
from smalti.objectives import Classify
from smalti.train import loop
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig, crosses, fit, judge, train_step
from tests.train.conftest import Silent


def go(made, *, steps=10, listener=None, objective=None, **options):
    state, batches, own, evaluator = made
    listener = listener or Silent()
    config = options.pop("config", LoopConfig(batch_size=32, evaluations=2))
    options = {"lr": 2e-3, "budget": Budget(steps=steps), "seed": 0, **options}
    fit(state, batches, objective or own, evaluator, config=config, listener=listener, **options)
    return state, listener


def test_learns_digits(setup):
    _, listener = go(setup(n=1000), steps=80, lr=4e-2)
    first, last = listener.evaluations[0][0], listener.evaluations[-1][0]
    assert last["val_accuracy"] > 0.5
    assert last["val_loss"] < first["val_loss"]


def test_rows_and_evaluations_come_when_they_should(setup):
    state, listener = go(setup(), steps=10, config=LoopConfig(batch_size=32, evaluations=5))
    assert [row["step"] for row, _ in listener.evaluations] == [2, 4, 6, 8, 10]
    assert [row["step"] for row in state.rows] == list(range(1, 11))
    assert listener.saved == [2, 4, 6, 8, 10]
    assert [p for _, p, _ in listener.steps] == pytest.approx([i / 10 for i in range(1, 11)])
    assert listener.evaluations[0][1]  # the first is always the best so far


def test_epochs_are_passes_over_the_data(setup):
    made = setup(n=160)
    state, _ = go(made, budget=Budget(epochs=2))
    assert state.step == 2 * len(made[1]) == 10


def test_minutes_follow_the_clock(setup):
    now = iter(range(10_000))
    state, listener = go(setup(), budget=Budget(minutes=1), seconds=60.0, clock=lambda: next(now))
    assert state.seconds >= 60
    assert 10 < state.step < 60
    assert listener.steps[-1][1] >= 1
    assert state.optimizers[0].param_groups[0]["lr"] < 2e-3 * 0.2  # the schedule followed the clock down


@pytest.mark.parametrize(
    ("seconds", "judgement", "asked", "judged"),
    [
        (65, 33, 10, [2, 7]),  # what was judged once leaves no time to be judged before the end
        (600, 1000, 2, [60]),  # nor is it judged twice where the first time ends the run
        (600, 3, 4, [30, 60, 89, 119]),
    ],
)
def test_by_the_clock_judgements_leave_time_to_learn(setup, seconds, judgement, asked, judged, monkeypatch):
    """Steps of five seconds; a mark that passes while a model is judged does not have the next one judged too."""
    now = [0.0]
    state, batches, _, _ = setup()

    def step(*_):
        now[0] += 5
        return {"loss": 1.0}, True

    def evaluate(_):
        now[0] += judgement
        yield "accuracy", 0.5

    evaluate.best = ("accuracy", "max")
    listener, config = Silent(), LoopConfig(batch_size=32, evaluations=asked)
    monkeypatch.setattr(loop, "train_step", step)
    made = state, batches, None, evaluate
    go(made, budget=Budget(minutes=1), seconds=seconds, clock=lambda: now[0], listener=listener, config=config)
    assert [row["step"] for row, _ in listener.evaluations] == judged
    assert now[0] <= seconds + 5 + judgement


def test_it_is_settled_twice_a_minute_between_steps(setup):
    now, when = [0.0], []

    def step(state, batch):
        now[0] += 8
        return Classify()(state, batch)

    made = setup()
    go(made, steps=10, objective=step, settle=lambda: when.append(made[0].step), clock=lambda: now[0])
    assert when == [4, 8]  # after 32 and 64 seconds


def test_a_step_has_its_products_by_onednn(setup, monkeypatch):
    """The switch is around the whole step, gradients included."""
    monkeypatch.setattr(_onednn, "is_intel", lambda: False)
    monkeypatch.setattr(_onednn, "exact", lambda: True)
    seen, matmul = [], torch.backends.mkldnn.matmul
    before = matmul.fp32_precision

    class Noting(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen.append(matmul.fp32_precision)
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            seen.append(matmul.fp32_precision)
            return gradient

    def objective(model, batch):
        loss, metrics = Classify()(model, batch)
        return Noting.apply(loss), metrics

    go(setup(), steps=1, objective=objective)
    assert len(seen) == 2
    assert before not in seen
    assert matmul.fp32_precision == before


def test_each_step_has_noise_of_its_own(setup):
    state, batches, objective, evaluator = setup()
    seen = []

    def noting(model, batch):
        seen.append(torch.rand(()).item())
        return objective(model, batch)

    go((state, batches, noting, evaluator))
    assert len(set(seen)) == len(seen) == 10


def rates(made, **options):
    """The learning rates of a run's steps, as shares of the peak."""
    found = []

    class Rates(Silent):
        def on_step(self, state, progress, values):
            found.append(state.optimizers[0].param_groups[0]["lr"] / 2e-3)

    config = LoopConfig(batch_size=32, warmup=0.05, schedule="linear", evaluations=1)
    go(made, config=config, listener=Rates(), **options)
    return found


@pytest.mark.parametrize(("steps", "first"), [(1, 0.5 / 0.95), (2, 0.75 / 0.95), (10, 1.0), (16, 0.625), (40, 0.25)])
def test_a_step_has_the_rate_of_its_middle(setup, steps, first):
    found = rates(setup("sgd"), steps=steps)
    assert found[0] == pytest.approx(first)
    assert found[-1] == pytest.approx(0.5 / steps / 0.95)


@pytest.mark.parametrize(
    ("length", "expected"), [(90.0, [0.5 / 0.95]), (24.0, [0.8 / 0.95, 0.4 / 0.95, 0.1 / 0.95]), (1.2, [0.2, 0.6, 1.0])]
)
def test_by_the_clock_too_where_a_step_may_be_all_there_is(setup, length, expected):
    state, batches, objective, evaluator = setup("sgd")
    now = 0.0

    def timed(model, batch):
        nonlocal now
        now += length
        return objective(model, batch)

    made = state, batches, timed, evaluator
    found = rates(made, budget=Budget(minutes=1), seconds=60.0, clock=lambda: now)
    assert found[: len(expected)] == pytest.approx(expected)
    assert min(found) > 0


class Poisoned(Classify):
    """Gives a loss of NaN, or a gradient of infinity, at some steps."""

    def __init__(self, bad, how):
        super().__init__()
        self.bad, self.how, self.calls = bad, how, 0

    def __call__(self, model, batch):
        loss, metrics = super().__call__(model, batch)
        self.calls += 1
        if self.calls - 1 in self.bad:
            loss = loss * math.nan if self.how == "loss" else loss + (model.head.weight * 0).sum().sqrt()
        return loss, metrics


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_a_step_that_is_not_finite_is_not_applied(setup, how):
    made = setup()
    batch = next(made[1].epoch(0))
    before = {name: p.clone() for name, p in made[0].model.named_parameters()}
    _, finite = train_step(made[0], batch, Poisoned({0}, how), LoopConfig(), 1.0)
    assert not finite
    for name, parameter in made[0].model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.grad is None
    _, finite = train_step(made[0], batch, Poisoned(set(), how), LoopConfig(), 1.0)
    assert finite
    assert not torch.equal(made[0].model.head.bias, before["head.bias"])


def test_a_step_that_is_not_finite_leaves_running_statistics_alone(setup):
    state, batches, objective, _ = setup()
    state.model = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10))
    state.optimizers, state.ema = [torch.optim.SGD(state.model.parameters(), 0.1)], None
    batch = next(batches.epoch(0))
    _, finite = train_step(state, {**batch, "image": batch["image"] * torch.nan}, objective, LoopConfig(), 1.0)
    assert not finite
    assert state.model[0].running_mean.item() == 0
    _, finite = train_step(state, batch, objective, LoopConfig(), 1.0)
    assert finite
    assert state.model[0].running_mean.item() != 0


def test_a_few_bad_steps_pass_and_many_in_a_row_stop_with_names(setup):
    state, _ = go(setup(), objective=Poisoned({1, 2, 4, 5, 7, 8}, "loss"))
    assert state.step == 10
    assert all(p.isfinite().all() for p in state.model.parameters())
    with pytest.raises(DivergedError) as error:
        go(setup(), objective=Poisoned(set(range(3, 20)), "loss"), names=lambda batch: f"file{batch['id'][0]}.jpg")
    assert "step 7" in str(error.value)
    assert "file" in str(error.value)
    assert error.value.exit == 4


def test_accumulation_is_the_same_step(setup):
    steps = []
    for parts in (1, 4):
        state, batches, objective, _ = setup()
        state.model = create_model("cct_nano_patch2_8", in_chans=1, depth=2)  # without noise
        torch.nn.init.eye_(state.model.head.weight)  # through zeros no gradient comes back
        state.optimizers, state.ema = [torch.optim.SGD(state.model.parameters(), 0.1)], None
        batch = {name: tensor[:30] for name, tensor in next(batches.epoch(0)).items()}  # in parts of 8, 8, 8 and 6
        values, _ = train_step(state, batch, objective, LoopConfig(accumulate=parts), None)
        steps.append((values, [p.clone() for p in state.model.parameters()]))
    assert steps[0][0] == pytest.approx(steps[1][0], rel=1e-5)
    for one, other in zip(steps[0][1], steps[1][1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_clipped_gradient_has_the_length_that_was_named(setup):
    state, batches, objective, _ = setup()
    state.optimizers = [torch.optim.SGD(state.model.parameters(), lr=0.5)]
    before = torch.nn.utils.parameters_to_vector(state.model.parameters()).detach()
    train_step(state, next(batches.epoch(0)), objective, LoopConfig(), 0.1)
    moved = torch.nn.utils.parameters_to_vector(state.model.parameters()).detach() - before
    assert moved.norm().item() == pytest.approx(0.5 * 0.1, rel=1e-3)


def test_patience_stops_early(setup):
    class Worse:
        best = ("loss", "min")
        value = 0.0

        def __call__(self, model):
            self.value += 1
            yield "loss", self.value

    state, batches, objective, _ = setup()
    config = LoopConfig(batch_size=32, evaluations=10, patience=3)
    fit(state, batches, objective, Worse(), lr=1e-3, config=config, budget=Budget(steps=10), listener=Silent(), seed=0)
    assert state.step == 4
    assert state.best == -1.0


@pytest.mark.parametrize(
    ("figures", "error", "kept"),
    [
        ([0.90, 0.95, 0.95, 0.94], 0.0, [True, True, True, False]),  # of two equals the later
        ([0.90, 0.95, 0.94, 0.93], 0.01, [True, True, True, False]),  # within chance of the highest
        ([0.97, 0.96, 0.95, 0.96], 0.01, [True, True, False, True]),  # measured from the highest, not the last kept
        ([math.nan, 0.5, math.nan, 0.5], 0.1, [True, True, False, True]),
    ],
)
def test_the_last_model_is_kept_that_none_beats_by_more_than_chance(setup, figures, error, kept):
    class Told:
        best = ("accuracy", "max")
        figures_left = iter(figures)

        def __call__(self, model):
            yield "accuracy", next(self.figures_left)
            yield "accuracy_error", error

    state, batches, objective, _ = setup()
    config, listener = LoopConfig(batch_size=32, evaluations=4), Silent()
    fit(state, batches, objective, Told(), lr=1e-3, config=config, budget=Budget(steps=4), listener=listener, seed=0)
    assert [keep for _, keep in listener.evaluations] == kept
    assert "val_accuracy_error" not in listener.evaluations[0][0]


def test_the_running_mean_is_what_is_judged(setup):
    class Noting:
        best = ("accuracy", "max")

        def __call__(self, model):
            seen.append(model)
            yield "accuracy", 0.5

    state, seen = setup()[0], []
    judge(state, Noting(), 0, Silent())
    assert seen == [state.ema.module]


def test_a_model_that_answers_with_no_numbers_is_not_kept(setup):
    class Told:
        best = ("accuracy", "max")
        losses = iter([math.nan, 1.0, math.nan, 1.0])

        def __call__(self, model):
            yield "loss", next(self.losses)
            yield "accuracy", 0.5

    state, batches, objective, _ = setup()
    config, listener = LoopConfig(batch_size=32, evaluations=4), Silent()
    fit(state, batches, objective, Told(), lr=1e-3, config=config, budget=Budget(steps=4), listener=listener, seed=0)
    assert [keep for _, keep in listener.evaluations] == [False, True, False, True]


@pytest.mark.parametrize("count", [1, 3, 7, 10, 100])
@pytest.mark.parametrize("steps", [1, 2, 9, 10, 33])
def test_marks_are_crossed_at_most_once_a_step_and_the_last_at_the_end(count, steps):
    crossed = [crosses(i / steps, (i + 1) / steps, count) for i in range(steps)]
    assert crossed[-1]
    assert sum(crossed) == min(count, steps)


@pytest.mark.parametrize("bad", [{"batch_size": 0}, {"accumulate": 0}, {"evaluations": 0}, {"warmup": 1.0}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        LoopConfig(**bad)


@pytest.mark.parametrize("bad", [{}, {"minutes": 1, "steps": 2}, {"epochs": 0}, {"minutes": -1}, {"minutes": math.nan}])
def test_impossible_budgets_are_refused(bad):
    with pytest.raises(InputError):
        Budget(**bad)

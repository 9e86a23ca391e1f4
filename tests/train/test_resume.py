"""A resumed run equals an unbroken one bit for bit: weights, running mean, optimiser states, metrics."""

from dataclasses import replace

import pytest
import torch

from smalti.train import loop
from smalti.train.budget import Budget
from smalti.train.checkpoint import load_checkpoint, save_checkpoint
from smalti.train.loop import LoopConfig, Stopped, fit
from tests.train.conftest import Silent

STEPS = 12
LOOP = LoopConfig(batch_size=32, evaluations=3, ema_decay=0.9, warmup=0.2)


def run(made, listener, **options):
    state, batches, objective, evaluator = made
    settings = {"lr": 2e-3, "config": LOOP, "budget": Budget(steps=STEPS), "seed": 3, **options}
    fit(state, batches, objective, evaluator, listener=listener, **settings)
    return state


def flat(tree, name=""):
    """Leaves of a state by name; the clock is left out."""
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list | tuple):
        items = enumerate(tree)
    else:
        yield name, tree
        return
    for key, value in items:
        if key not in ("seconds", "pace"):
            yield from flat(value, f"{name}.{key}")


def differences(a, b):
    a, b = dict(flat(a.state_dict())), dict(flat(b.state_dict()))
    return sorted(a.keys() ^ b.keys()) + [
        name
        for name in a.keys() & b.keys()
        if not (torch.equal(a[name], b[name]) if isinstance(a[name], torch.Tensor) else a[name] == b[name])
    ]


class StopAt(Silent):
    """Asks for a stop at a step, as Ctrl-C would, and keeps what is saved."""

    def __init__(self, step, path):
        super().__init__()
        self.step, self.path = step, path

    def on_step(self, state, progress, values):
        if state.step == self.step:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    def save(self, state):
        save_checkpoint(self.path, state.state_dict())


@pytest.fixture(autouse=True, scope="module")
def several_steps_a_row():
    """So that a cut falls between two rows and the running means must survive it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "ROWS", 4)
        yield


@pytest.fixture(scope="module")
def unbroken(setup):
    return run(setup(), Silent())


def test_every_counter_is_kept(setup):
    counters = {"step": 7, "seconds": 1.5, "best": 0.25, "since_best": 3, "skipped": 2}
    state, other = setup()[0], setup()[0]
    for name, value in counters.items():
        setattr(state, name, value)
    other.load_state_dict(state.state_dict())
    assert {name: getattr(other, name) for name in counters} == counters


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 9, 11, 12])
def test_a_cut_at_any_step(setup, unbroken, tmp_path, cut):
    path = tmp_path / "last.safetensors"
    with pytest.raises(Stopped):
        run(setup(), StopAt(cut, path))
    made = setup()
    made[0].load_state_dict(load_checkpoint(path))
    assert made[0].step == cut
    assert differences(run(made, Silent()), unbroken) == []


def test_many_cuts(setup, unbroken, tmp_path):
    path = tmp_path / "last.safetensors"
    for cut in (2, 5, 6, 10):
        made = setup()
        if path.exists():
            made[0].load_state_dict(load_checkpoint(path))
        with pytest.raises(Stopped):
            run(made, StopAt(cut, path))
    made = setup()
    made[0].load_state_dict(load_checkpoint(path))
    assert differences(run(made, Silent()), unbroken) == []


def test_a_run_whose_patience_has_ended_does_not_go_on(setup, tmp_path):
    class Flat:
        best = ("accuracy", "max")

        def __call__(self, model):
            yield "accuracy", 0.5

    config = replace(LOOP, patience=1)
    state, batches, objective, _ = setup()
    path = tmp_path / "last.safetensors"
    with pytest.raises(Stopped):  # at the second of three evaluations
        run((state, batches, objective, Flat()), StopAt(8, path), config=config)
    state, batches, objective, _ = setup()
    state.load_state_dict(load_checkpoint(path))
    assert run((state, batches, objective, Flat()), Silent(), config=config).step == 8


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_pictures_and_any_number_of_workers_give_the_same_run(setup, unbroken, workers):
    assert differences(run(setup(workers=workers, in_memory=False), Silent()), unbroken) == []


@pytest.mark.parametrize("cut", [3, 8])
def test_classes_drawn_evenly_resume_with_any_number_of_workers(setup, unbroken, tmp_path, cut):
    whole = run(setup(balanced=True), Silent())
    assert differences(whole, unbroken) != []
    path = tmp_path / "last.safetensors"
    with pytest.raises(Stopped):
        run(setup(balanced=True), StopAt(cut, path))
    made = setup(balanced=True, workers=2, in_memory=False)
    made[0].load_state_dict(load_checkpoint(path))
    assert differences(run(made, Silent()), whole) == []


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_every_optimiser_resumes(setup, tmp_path, optimizer):
    whole = run(setup(optimizer), Silent())
    path = tmp_path / "last.safetensors"
    with pytest.raises(Stopped):
        run(setup(optimizer), StopAt(5, path))
    made = setup(optimizer)
    made[0].load_state_dict(load_checkpoint(path))
    assert differences(run(made, Silent()), whole) == []


@pytest.mark.parametrize("forgotten", ["optimizers", "ema", "step", "meter"])
def test_negative_control_forgetting_any_part_shows(setup, unbroken, tmp_path, forgotten):
    path = tmp_path / "last.safetensors"
    with pytest.raises(Stopped):
        run(setup(), StopAt(5, path))
    made = setup()
    fresh, saved = made[0].state_dict(), load_checkpoint(path)
    if forgotten == "step":
        saved["counters"]["step"] -= 1
    else:
        saved[forgotten] = fresh[forgotten]
    made[0].load_state_dict(saved)
    assert differences(run(made, Silent()), unbroken) != []


def test_another_seed_is_another_run(setup, unbroken):
    assert differences(run(setup(), Silent(), seed=4), unbroken) != []

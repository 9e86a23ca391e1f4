"""EMA, signals, run folder, range test: small parts."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from smalti.errors import InputError
from smalti.objectives import Classify
from smalti.progress import TrainingBar
from smalti.train import log
from smalti.train.ema import EMA
from smalti.train.folder import RunFolder
from smalti.train.loop import LoopConfig
from smalti.train.lr_range import find_lr
from smalti.train.optim import OptimConfig
from smalti.train.signals import StopRequest


def test_ema_is_the_running_mean():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    ema = EMA(model, 0.9)
    mean = model[0].weight.detach().clone()
    for step in range(200):
        with torch.no_grad():
            model[0].weight.normal_()
        model(torch.randn(4, 2))
        decay = min(0.9, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * model[0].weight.detach()
        ema.update(model, step)
    torch.testing.assert_close(ema.module[0].weight, mean)
    torch.testing.assert_close(ema.module[1].running_mean, model[1].running_mean)
    assert not ema.module.training
    assert not any(p.requires_grad for p in ema.module.parameters())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_become_a_wish_and_handlers_come_back(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
    assert signal.getsignal(number) is before


def test_a_second_interrupt_is_immediate():
    with StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_folder_takes_one_run_and_one_process(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    folder.settings.write_text("")
    RunFolder.create(tmp_path / "run")  # nothing was saved in it yet
    for saved in (folder.last, folder.model, folder.result):  # a result would say of a new run that it is finished
        saved.touch()
        with pytest.raises(InputError, match="already holds a run"):
            RunFolder.create(tmp_path / "run")
        saved.unlink()
    code = (
        "import sys\nfrom smalti.train.folder import RunFolder\nfrom smalti.errors import InputError\n"
        "try:\n    with RunFolder.open(sys.argv[1]).lock(): print('in')\nexcept InputError as e: print(e)"
    )
    call = [sys.executable, "-c", code, str(folder.path)]
    with folder.lock():
        assert "another process is training" in subprocess.run(call, capture_output=True, text=True).stdout
    assert subprocess.run(call, capture_output=True, text=True).stdout == "in\n"


@pytest.mark.parametrize("name", ["report.html", "notes.txt", "photos/a.png"])
def test_a_folder_that_holds_other_files_takes_no_run(name, tmp_path):
    folder = RunFolder.create(tmp_path)
    for left in (folder.settings, folder.metrics, folder.tokenizer, tmp_path / ".run.toml.x.tmp"):
        left.write_text("")
    RunFolder.create(tmp_path)  # what one that failed leaves
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=rf"holds other files \({name.split('/')[0]}\); choose another --out"):
        RunFolder.create(tmp_path)


def test_a_new_run_never_finds_the_weights_of_another(tmp_path):
    """Killed between its first good model and its first checkpoint, a run leaves only the former."""
    for folder in (RunFolder.create(tmp_path / "run"), RunFolder.create(tmp_path / "taught").teacher):
        folder.checkpoints.mkdir(parents=True, exist_ok=True)
        folder.best.touch()
    for name in ("run", "taught"):
        with pytest.raises(InputError, match="already holds a run"):
            RunFolder.create(tmp_path / name)


def test_a_run_cut_off_between_its_two_files_has_the_newer_metrics(tmp_path, setup, monkeypatch):
    """A finished run that goes on writes no rows any more: they must be there before its checkpoint is."""

    def cut(path, state):
        raise KeyboardInterrupt

    monkeypatch.setattr(log, "save_checkpoint", cut)
    state, folder = setup()[0], RunFolder.create(tmp_path / "run")
    state.rows.append({"step": 1, "loss": 2.0})
    with pytest.raises(KeyboardInterrupt):
        log.RunLog(folder, TrainingBar(None, show=False), batch_size=1).save(state)
    assert folder.metrics.read_text() == '{"step": 1, "loss": 2.0}\n'


def test_folders_that_are_none(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        RunFolder.open(tmp_path / "nothing")
    with pytest.raises(InputError, match="is not a run folder"):
        RunFolder.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        RunFolder.create(tmp_path / "file")


def test_free_names_count_up(tmp_path):
    assert RunFolder.next_free("x", tmp_path).name == "x-1"
    (tmp_path / "x-1").mkdir()
    assert RunFolder.next_free("x", tmp_path).name == "x-2"


def test_the_range_test_finds_a_rate_that_learns_and_leaves_the_model_alone(setup):
    state, batches, _, _ = setup()
    before = state.model.head.weight.clone()
    stream = (batch for epoch in range(99) for batch in batches.epoch(epoch))
    lr = find_lr(state.model, Classify(), stream, OptimConfig("sgd"), LoopConfig(), seed=0)
    assert 1e-4 < lr < 1
    assert torch.equal(state.model.head.weight, before)


def test_the_rate_of_a_range_test_is_no_matter_of_chance(setup):
    """Where so few steps teach nothing, the lowest loss of a step's own batch may be that of any step."""
    state, batches, _, _ = setup()

    def found(seed: int) -> float:
        draw = torch.Generator().manual_seed(seed)
        stream = (batch for epoch in range(99) for batch in batches.epoch(epoch))
        guessed = ({**one, "target": torch.randint(10, one["target"].shape, generator=draw)} for one in stream)
        return find_lr(state.model, Classify(), guessed, OptimConfig("sgd"), LoopConfig(), seed=seed, steps=40)

    rates = [found(seed) for seed in range(5)]
    assert max(rates) <= 4 * min(rates)


def test_a_range_test_ends_where_learning_is_undone(setup):
    state, batches, _, _ = setup()
    stream = (batch for epoch in range(99) for batch in batches.epoch(epoch))
    torch.nn.init.zeros_(state.model.head.weight)  # begins at the loss of guessing, which every wild step raises
    find_lr(state.model, Classify(), stream, OptimConfig("sgd"), LoopConfig(), seed=0)
    assert next(stream, None) is not None

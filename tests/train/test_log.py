"""What a run writes down while it trains."""

import torch

from smalti.progress import TrainingBar
from smalti.train.checkpoint import load_checkpoint
from smalti.train.folder import RunFolder
from smalti.train.log import RunLog


def test_the_running_mean_is_what_is_kept(setup, tmp_path):
    state, folder = setup()[0], RunFolder.create(tmp_path / "run")
    with torch.no_grad():
        for parameter in state.model.parameters():
            parameter.add_(1)
    RunLog(folder, TrainingBar(total=1, show=False), batch_size=32).on_evaluation(state, {}, keep=True)
    kept, mean = load_checkpoint(folder.best)["model"], state.ema.module.state_dict()
    assert kept.keys() == mean.keys()
    assert all(torch.equal(kept[name], mean[name]) for name in mean)

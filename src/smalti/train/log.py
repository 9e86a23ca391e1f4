"""What a run writes down while it trains: checkpoints, the best model, the metrics, and a moving line."""

from smalti.progress import TrainingBar
from smalti.train.checkpoint import save_checkpoint
from smalti.train.folder import RunFolder
from smalti.train.state import TrainState

__all__ = ["RunLog"]


class RunLog:
    """The listener of a run with a folder.

    Args:
        folder: where checkpoints and metrics go.
        bar: shows the state.
        batch_size: pictures a step, for the speed.
        seconds: wall clock of the whole training, where the clock decides.
    """

    def __init__(self, folder: RunFolder, bar: TrainingBar, *, batch_size: int, seconds: float | None = None) -> None:
        self.folder, self.bar, self.batch_size, self.seconds = folder, bar, batch_size, seconds
        self._began: tuple[int, float] | None = None

    def on_step(self, state: TrainState, progress: float, values: dict[str, float]) -> None:
        """Moves the bar."""
        if self._began is None:
            self._began = state.step, state.seconds
        means = state.meter.means() or values
        steps, seconds = state.step - self._began[0], state.seconds - self._began[1]
        self.bar.update(
            state.step,
            loss=means["loss"],
            accuracy=means.get("accuracy"),
            images_per_second=steps * self.batch_size / seconds if seconds > 0 else None,
            seconds_left=None if self.seconds is None else self.seconds - state.seconds,
            total=None if self.seconds is None else max(state.step, round(state.step / max(progress, 1e-6))),
        )

    def on_evaluation(self, state: TrainState, row: dict[str, float], *, keep: bool) -> None:
        """Says how good the model is now, and keeps it where it should."""
        numbers = "  ".join(
            f"{name.removeprefix('val_')} {value:.4f}" for name, value in row.items() if name.startswith("val_")
        )
        self.bar.note(f"step {state.step:,}  validation: {numbers}{'  (kept)' if keep else ''}")
        if keep:
            save_checkpoint(self.folder.best, {"model": state.averaged.state_dict(), "step": state.step})

    def save(self, state: TrainState) -> None:
        """Writes the metrics and the checkpoint that belongs to them."""
        self.folder.write_metrics(state.rows)
        save_checkpoint(self.folder.last, state.state_dict())

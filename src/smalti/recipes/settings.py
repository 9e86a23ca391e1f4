"""run.toml: what a run was told, and what was chosen for it."""

import os
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

from smalti._version import __version__
from smalti.configs import fitted
from smalti.errors import DamagedError, InputError
from smalti.files import write_durably
from smalti.recipes.recipe import Choice, Composed, Recipe, field_names
from smalti.recipes.toml import dumps, read_toml
from smalti.train.folder import RunFolder

__all__ = ["RunConfig", "is_text_run", "place_of", "read_settings", "write_settings"]

R = TypeVar("R", bound=Composed)


@dataclass(frozen=True)
class RunConfig:
    """What stays fixed over a run: where the data is, and what the command said. The [run] table of run.toml."""

    data: str
    task: str
    fingerprint: str
    device: str
    workers: int | None
    bad_images: str
    leaks: str
    download: bool
    seconds: float | None
    report: bool
    command: str
    threads: int | None = None  # that compute; None for as many as are free
    teacher: str = ""  # the checksum of the model that teaches
    fraction: float | None = None  # of the training pictures that is read, where the clock leaves no time for more
    columns: dict[str, str] | None = None  # of a table: what those of other names mean
    smalti: str = __version__

    def moved(self, data: str | os.PathLike[str] | None, device: str | None = None) -> "RunConfig":
        """The same with its data where it is now, and on another device, where they are given. Raises InputError where
        no data is there."""
        place = self.data if data is None else place_of(data)
        if os.path.isabs(place) and not os.path.exists(place):
            mend = "bring it back, or name where it is now: smalti train DATA --resume RUN"
            raise InputError("no such file or folder", where=place, mend=mend)
        return replace(self, data=place, device=device or self.device)


def place_of(data: str | os.PathLike[str]) -> str:
    """Where data is, for any folder one is in later: a path in full, or the name of a set as it is."""
    return os.path.abspath(data) if os.path.exists(data) else os.fspath(data)


def write_settings(folder: RunFolder, config: RunConfig, recipe: Composed, choices: tuple[Choice, ...]) -> None:
    """Writes run.toml: everything needed to repeat the run."""
    chosen = [asdict(choice) for choice in choices]
    write_durably(folder.settings, dumps({"run": asdict(config), **recipe.to_dict(), "choices": chosen}))


def read_settings(folder: RunFolder, recipe: type[R] = Recipe) -> tuple[RunConfig, R, tuple[Choice, ...]]:
    """run.toml of a run with such a recipe. Raises DamagedError where it is not what `train` wrote."""
    try:
        tree = read_toml(folder.settings)
        about = tree.pop("run")
        choices = tuple(Choice(**choice) for choice in tree.pop("choices", ()))
        if missing := field_names(recipe) - set(tree):
            raise InputError(f"there is no {', '.join(sorted(missing))}")
        return RunConfig(**fitted(RunConfig, about, "run")), recipe.from_dict(tree), choices
    except (InputError, KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DamagedError("does not describe a run", where=folder.settings, why=why, mend="start a new run") from error


def is_text_run(folder: RunFolder) -> bool:
    """Whether a run is on text: its recipe says how text becomes tokens. No, where run.toml cannot be read: whoever
    reads it says why."""
    try:
        return "tokens" in read_toml(folder.settings)
    except InputError:
        return False

"""What a run was told: read from the command, a file and run.toml, and written to run.toml."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from smalti._version import __version__
from smalti.configs import fitted
from smalti.errors import DamagedError, InputError
from smalti.files import write_durably
from smalti.recipes.recipe import Choice, Composed, ModelConfig, Recipe, merged, nested, parse_settings, settle
from smalti.recipes.teacher import AUTO
from smalti.recipes.toml import dumps
from smalti.train.folder import RunFolder

__all__ = [
    "Setting",
    "gather_settings",
    "is_text_run",
    "place_of",
    "read_settings",
    "reads_bytes",
    "without_facts",
    "write_settings",
]

R = TypeVar("R", bound=Composed)

FACTS = ("in_chans", "mean", "std", "white")  # of a Preprocess: what the check of the data finds


@dataclass(frozen=True)
class Setting:
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
    smalti: str = __version__

    def moved(self, data: str | os.PathLike[str] | None, device: str | None = None) -> "Setting":
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


def gather_settings(
    config: str | os.PathLike[str] | None,
    overrides: Mapping[str, Any] | None,
    recipe: type[Composed] = Recipe,
    **named: Any,
) -> dict[str, Any]:
    """What the person settled for a recipe, nested: a file, then single settings, then named options."""
    settings: dict[str, Any] = {}
    if config is not None:
        settings = settle(
            {k: v for k, v in read_toml(Path(config)).items() if k not in ("run", "choices")}, config, recipe
        )
    text = {key: value for key, value in (overrides or {}).items() if isinstance(value, str)}
    rest = {key: value for key, value in (overrides or {}).items() if not isinstance(value, str)}
    settings = merged(settings, settle({**parse_settings(text), **rest}, "--set", recipe))
    for name in (name for name in ("fraction", "teacher") if named[name] is not None and name not in known(recipe)):
        raise InputError(f"--{name} is for pictures", mend="leave it out")
    said: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    told = {name: said[name] for name in ("seed", "fraction") if name in said}
    if budget := {unit: said[unit] for unit in ("minutes", "epochs", "steps") if unit in said}:
        told["budget"] = budget
    if "model" in said:
        told["model"] = {"preset": said["model"]}
    if "start" in said:
        told["transfer"] = {"start": os.fspath(said["start"])}
    if "teacher" in said:
        told["teacher"] = {"model": os.fspath(said["teacher"])}
    settings = merged(settings, settle(told, "", recipe))
    if "model" in said:
        ModelConfig(**settings["model"])  # raises where there is no such preset, or it has no such options
    if (teacher := settings.get("teacher", {}).get("model", "")) not in ("", AUTO):
        settings["teacher"] = {**settings["teacher"], "model": os.path.abspath(teacher)}
    if not settings.get("transfer", {}).get("start") and settings.get("transfer", {}).get("tune", "all") != "all":
        raise InputError(f"transfer.tune = {settings['transfer']['tune']!r} tunes nothing", mend="add --from MODEL")
    return settings


def reads_bytes(config: str | os.PathLike[str] | None, overrides: Mapping[str, Any] | None) -> bool:
    """Whether every byte is to be a token, which any file is good for: single settings say it, else a file does."""
    tokens = {} if config is None else read_toml(Path(config)).get("tokens")
    named = tokens.get("tokenizer") if isinstance(tokens, dict) else None
    return (overrides or {}).get("tokens.tokenizer", named) == "bytes"


def without_facts(
    settings: Mapping[str, Any],
    config: str | os.PathLike[str] | None,
    overrides: Mapping[str, Any] | None,
    fingerprint: str,
) -> tuple[dict[str, Any], tuple[Choice, ...]]:
    """Settings without what the run of `config` found in its data, where that is other data than this of `fingerprint`:
    grey levels of another camera are no wish. What single settings say stands. And what is said of it."""
    run = {} if config is None else read_toml(Path(config)).get("run")
    if not isinstance(run, dict) or run.get("fingerprint", fingerprint) == fingerprint:
        return dict(settings), ()
    said, preprocess = nested(overrides or {}).get("preprocess", {}), settings.get("preprocess", {})
    kept = {name: value for name, value in preprocess.items() if name not in FACTS or name in said}
    dropped = ", ".join(name for name in preprocess if name not in kept)
    told = (Choice(dropped, "as this data has it", f"{config} is of other data"),) if dropped else ()
    return {**settings, "preprocess": kept}, told


def known(recipe: type[Composed]) -> set[str]:
    """The names of its settings."""
    return {f.name for f in fields(recipe)}


def write_settings(folder: RunFolder, setting: Setting, recipe: Composed, choices: tuple[Choice, ...]) -> None:
    """Writes run.toml: everything needed to repeat the run."""
    chosen = [asdict(choice) for choice in choices]
    write_durably(folder.settings, dumps({"run": asdict(setting), **recipe.to_dict(), "choices": chosen}))


def read_settings(folder: RunFolder, recipe: type[R] = Recipe) -> tuple[Setting, R, tuple[Choice, ...]]:
    """run.toml of a run with such a recipe. Raises DamagedError where it is not what `train` wrote."""
    try:
        tree = read_toml(folder.settings)
        about = tree.pop("run")
        choices = tuple(Choice(**choice) for choice in tree.pop("choices", ()))
        if missing := known(recipe) - set(tree):
            raise InputError(f"there is no {', '.join(sorted(missing))}")
        return Setting(**fitted(Setting, about, "run")), recipe.from_dict(tree), choices
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


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file. Raises InputError naming the line that is wrong."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=path, why=str(error), mend="name a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            "is not valid TOML", where=path, why=str(error), mend="compare it with run.toml of a run"
        ) from error

"""What a run was told: read from the command, a file and run.toml, and written to run.toml."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from smalti._version import __version__
from smalti.configs import fitted
from smalti.errors import DamagedError, InputError
from smalti.files import write_durably
from smalti.recipes.recipe import Choice, ModelConfig, Recipe, parse_settings, settle
from smalti.recipes.teacher import AUTO
from smalti.recipes.toml import dumps
from smalti.train.folder import RunFolder

__all__ = ["Setting", "gather_settings", "read_settings", "write_settings"]


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
    smalti: str = __version__


def gather_settings(
    config: str | os.PathLike[str] | None, overrides: Mapping[str, Any] | None, **named: Any
) -> dict[str, Any]:
    """What the person settled, nested: a file, then single settings, then named options."""
    settings: dict[str, Any] = {}
    if config is not None:
        settings = settle({k: v for k, v in read_toml(Path(config)).items() if k not in ("run", "choices")}, config)
    text = {key: value for key, value in (overrides or {}).items() if isinstance(value, str)}
    rest = {key: value for key, value in (overrides or {}).items() if not isinstance(value, str)}
    for key, value in settle({**parse_settings(text), **rest}, "--set").items():
        old = settings.get(key, {})
        if key == "model":
            value = {**value, "options": {**old.get("options", {}), **value.get("options", {})}}
        settings[key] = {**old, **value} if isinstance(value, dict) and key != "budget" else value
    budget = {key: named[key] for key in ("minutes", "epochs", "steps") if named[key] is not None}
    if budget:
        settings["budget"] = budget
    if named["model"] is not None:
        settings["model"] = {**settings.get("model", {}), "preset": named["model"]}
        ModelConfig(**settings["model"])  # raises where there is no such preset, or it has no such options
    if named["start"] is not None:
        settings["transfer"] = {**settings.get("transfer", {}), "start": os.path.abspath(named["start"])}
    if named["teacher"] is not None:
        named_model = AUTO if named["teacher"] == AUTO else os.path.abspath(named["teacher"])
        settings["teacher"] = {**settings.get("teacher", {}), "model": named_model}
    if not settings.get("transfer", {}).get("start") and settings.get("transfer", {}).get("tune", "all") != "all":
        raise InputError(f"transfer.tune = {settings['transfer']['tune']!r} tunes nothing", mend="add --from MODEL")
    settings.update({name: named[name] for name in ("seed", "fraction") if named[name] is not None})
    return settings


def write_settings(folder: RunFolder, setting: Setting, recipe: Recipe, choices: tuple[Choice, ...]) -> None:
    """Writes run.toml: everything needed to repeat the run."""
    chosen = [asdict(choice) for choice in choices]
    write_durably(folder.settings, dumps({"run": asdict(setting), **recipe.to_dict(), "choices": chosen}))


def read_settings(folder: RunFolder) -> tuple[Setting, Recipe, tuple[Choice, ...]]:
    """run.toml of a run. Raises DamagedError where it is not what `train` wrote."""
    try:
        tree = read_toml(folder.settings)
        about = tree.pop("run")
        choices = tuple(Choice(**choice) for choice in tree.pop("choices", ()))
        if missing := {f.name for f in fields(Recipe)} - set(tree):
            raise InputError(f"there is no {', '.join(sorted(missing))}")
        return Setting(**fitted(Setting, about, "run")), Recipe.from_dict(tree), choices
    except (InputError, KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise DamagedError("does not describe a run", where=folder.settings, why=why, mend="start a new run") from error


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

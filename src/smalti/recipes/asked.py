"""What a person asks of a run, in a file and in the command, before any data is looked at."""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smalti.errors import InputError
from smalti.modelfile import ModelFile
from smalti.objectives.losses import LOSSES
from smalti.recipes.recipe import Choice, Composed, ModelConfig, Recipe, field_names, merged, parse_settings, settle
from smalti.recipes.teacher import AUTO
from smalti.recipes.unread import unread

__all__ = ["Asked", "ask", "reads_bytes"]

FACTS = ("in_chans", "mean", "std", "white")  # of a Preprocess: what the check of the data finds
OF_A_KIND = {("optim", "name"): ("lr", "weight_decay"), ("model", "preset"): ("options",)}  # mean nothing to another


@dataclass(frozen=True)
class Asked:
    """Settings, each in its type, and where they are from.

    What was typed is meant for this run, so it is refused where it means nothing to it. A file is often run.toml of
    another run, which states every value there is: what of it means nothing here is left out, and told where it is not
    the usual.

    Args:
        settings: all that stand, nested: those of a file, with those that were typed in their place.
        typed: those that were typed, in the command or the call.
        file: its name; "" for none.
        fingerprint: of the data of the run that the file is of; "" where it is of none.
        noted: what there is to say of settings of the file that do not stand.
    """

    settings: Mapping[str, Any]
    typed: Mapping[str, Any]
    file: str = ""
    fingerprint: str = ""
    noted: tuple[Choice, ...] = ()

    def with_seed_of(self, *models: ModelFile[Any] | None) -> "Asked":
        """The same with the seed of the first of the models that a run builds on, where none was named: of the same
        data, also where it has grown, a seed keeps back what it kept back from that model."""
        seeds = [model.provenance["seed"] for model in models if model and "seed" in model.provenance]
        if not seeds or "seed" in self.settings:
            return self
        why = "that of the model it builds on: what that has learned from judges neither"
        told = Choice("seed", str(seeds[0]), why)
        return replace(self, settings={**self.settings, "seed": seeds[0]}, noted=(*self.noted, told))

    def without_facts(self, fingerprint: str) -> "Asked":
        """The same without what the run of the file found in its data, where that is other data than this of
        `fingerprint`: grey levels of another camera are no wish."""
        if self.fingerprint in ("", fingerprint):
            return self
        typed, found = self.typed.get("preprocess", {}), self.settings.get("preprocess", {})
        facts = [name for name in found if name in FACTS and name not in typed]
        told = Choice(", ".join(facts), "as this data has it", f"{self.file} is of other data")
        return self.without([("preprocess", name) for name in facts], told if facts else None)

    def heeded(self, recipe: Composed, task: str) -> "Asked":
        """The same with the usual in place of all that a run with this recipe does not read. Raises InputError where a
        setting that was typed means nothing to it."""
        plain: dict[str, dict[str, Any]] = {}
        reasons: dict[str, str] = {}
        for section, field, why, mend in unread(recipe, task):
            if field in self.typed.get(section, {}):
                what = f"{section}.{field} = {self.typed[section][field]!r} means nothing to this run: {why}"
                raise InputError(what, mend=f"leave it out, or {mend}" if mend else "leave it out")
            usual = getattr(type(getattr(recipe, section)), field)
            plain.setdefault(section, {})[field] = usual
            if self.settings.get(section, {}).get(field, usual) != usual:
                reasons.setdefault(f"{section}.{field}", why)
        plainer = replace(self, settings=merged(self.settings, plain))
        if not reasons:
            return plainer
        told = Choice("left out", ", ".join(reasons), f"of {self.file}: {'; '.join(dict.fromkeys(reasons.values()))}")
        return replace(plainer, noted=(*self.noted, told))

    def for_task(self, task: str) -> "Asked":
        """The same without the loss of the file, where it is none of this task: a run writes down which one it had."""
        loss = self.settings.get("target", {}).get("loss", "auto")
        if loss in ("auto", *LOSSES[task]) or "loss" in self.typed.get("target", {}):
            return self
        told = Choice("left out", "target.loss", f'of {self.file}: "{loss}" is no loss of the task {task}')
        return self.without([("target", "loss")], told)

    def without(self, names: Collection[tuple[str, str]], told: Choice | None) -> "Asked":
        """The same without the fields (section, name), and with what there is to say of it."""
        settings = {
            section: {name: one for name, one in value.items() if (section, name) not in names}
            if isinstance(value, Mapping)
            else value
            for section, value in self.settings.items()
        }
        return replace(self, settings=settings, noted=(*self.noted, told) if told else self.noted)


def ask(
    file: Mapping[str, Any],
    overrides: Mapping[str, Any] | None,
    recipe: type[Composed] = Recipe,
    *,
    where: str | os.PathLike[str] = "",
    **named: Any,
) -> Asked:
    """The settings of a file, of single ones and of named options, the later in place of the earlier.

    Args:
        file: what a TOML file holds: settings, or all of a run.toml.
        overrides: single settings, as of `Recipe.with_settings`; strings are read as TOML.
        recipe: the kind of recipe they are for.
        where: the name of the file.
        named: options of `train` that are settings; None for those that were not given.

    Raises:
        InputError: a setting is unknown or impossible.
    """
    filed = settle({name: value for name, value in file.items() if name not in ("run", "choices")}, where, recipe)
    run = file.get("run")
    run = run if isinstance(run, dict) else {}
    typed = settle(parse_settings(overrides or {}), "--set", recipe)
    typed = merged(typed, settle(named_settings(recipe, **named), "", recipe))
    filed, noted = without_other_kinds(filed, typed, where)
    settings = merged(filed, typed)
    if "model" in typed and "preset" in typed["model"]:
        ModelConfig(**settings["model"])  # raises where there is no such preset, or it has no such options
    if (teacher := settings.get("teacher", {}).get("model", "")) not in ("", AUTO):
        settings = merged(settings, {"teacher": {"model": os.path.abspath(teacher)}})
    transfer = settings.get("transfer", {})
    if not transfer.get("start") and transfer.get("tune", "all") != "all":
        raise InputError(f"transfer.tune = {transfer['tune']!r} tunes nothing", mend="add --from MODEL")
    return Asked(settings, typed, os.fspath(where), str(run.get("fingerprint", "")), noted)


def without_other_kinds(
    filed: dict[str, Any], typed: Mapping[str, Any], where: str | os.PathLike[str]
) -> tuple[dict[str, Any], tuple[Choice, ...]]:
    """The settings of a file without those of its optimiser and its model, where another one was typed: a rate is of
    its optimiser. And what there is to say of it."""
    noted: tuple[Choice, ...] = ()
    for (section, kind), names in OF_A_KIND.items():
        was, now = (settings.get(section, {}).get(kind) for settings in (filed, typed))
        vain = [name for name in names if filed.get(section, {}).get(name)]
        if was and now and was != now and vain:
            filed = {**filed, section: {name: one for name, one in filed[section].items() if name not in vain}}
            what = ", ".join(f"{section}.{name}" for name in vain)
            noted = (*noted, Choice("left out", what, f'{where} has {"it" if len(vain) == 1 else "them"} for "{was}"'))
    return filed, noted


def named_settings(recipe: type[Composed], **named: Any) -> dict[str, Any]:
    """The options of `train` that were given, as settings. Raises InputError for one that such a recipe has not."""
    said = {name: value for name, value in named.items() if value is not None}
    for name in ("fraction", "teacher"):
        if name in said and name not in field_names(recipe):
            raise InputError(f"--{name} is for pictures", mend="leave it out")
    told = {name: said[name] for name in ("seed", "fraction") if name in said}
    if budget := {unit: said[unit] for unit in ("minutes", "epochs", "steps") if unit in said}:
        told["budget"] = budget
    if "model" in said:
        told["model"] = {"preset": said["model"]}
    if "start" in said:
        told["transfer"] = {"start": os.fspath(said["start"])}
    if "teacher" in said:
        told["teacher"] = {"model": os.fspath(said["teacher"])}
    return told


def reads_bytes(file: Mapping[str, Any], overrides: Mapping[str, Any] | None) -> bool:
    """Whether every byte is to be a token, which any file is good for: single settings say it, else a file does."""
    tokens = file.get("tokens")
    named = tokens.get("tokenizer") if isinstance(tokens, dict) else None
    return (overrides or {}).get("tokens.tokenizer", named) == "bytes"

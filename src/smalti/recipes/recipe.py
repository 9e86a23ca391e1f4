"""A recipe: one complete run, composed of the configs of its parts. What run.toml holds and `--set` changes."""

import math
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, Self, cast, get_type_hints

from torch import nn

from smalti.configs import demand, demand_words, fit, fitted, suggest
from smalti.data.augment import AugmentConfig
from smalti.data.mixing import MixConfig
from smalti.data.preprocess import Preprocess, demand_size
from smalti.data.views import Views
from smalti.errors import InputError
from smalti.models.registry import build as build_model
from smalti.models.registry import preset_config
from smalti.objectives.losses import LossName
from smalti.recipes.teacher import TeacherConfig
from smalti.recipes.transfer import FROM_DATA, TransferConfig
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig
from smalti.train.optim import OptimConfig

__all__ = [
    "Choice",
    "Composed",
    "ModelConfig",
    "Recipe",
    "TargetConfig",
    "field_names",
    "merged",
    "nested",
    "parse_settings",
    "settle",
]


@dataclass(frozen=True)
class ModelConfig:
    """Which model: a preset, and fields of its config to replace (drop_path_rate = 0.1)."""

    preset: str
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, source in FROM_DATA.items():
            if name in self.options:
                raise InputError(
                    f"the model's {name} follows from {source}", where=f"model.options.{name}", mend=f"change {source}"
                )
        _, config = preset_config(self.preset, **self.options)  # raises where one is unknown or of another type
        object.__setattr__(self, "options", {name: getattr(config, name) for name in self.options})

    def resolve(self, preprocess: Preprocess, num_classes: int) -> tuple[str, Any]:
        """Family and full config, for the pictures `preprocess` makes. Raises InputError on what does not fit
        together.
        """
        size, chans = preprocess.img_size, preprocess.in_chans
        return preset_config(self.preset, img_size=size, in_chans=chans, num_classes=num_classes, **self.options)

    def build(self, preprocess: Preprocess, num_classes: int) -> nn.Module:
        """The module with fresh weights."""
        return build_model(*self.resolve(preprocess, num_classes))


@dataclass(frozen=True)
class TargetConfig:
    """How targets are used.

    Args:
        smoothing: share of a label spread over all.
        class_weights: "auto" weighs rare classes up, by the root of their rarity.
        loss: one of `objectives.losses`; "auto" is the task's own.
        gamma: of the focal loss: how little counts what is told well already; 0 makes it cross-entropy.
        sampling: "once" takes every picture once an epoch; "balanced" draws as many, every class equally often.
    """

    smoothing: float = 0.0
    class_weights: Literal["none", "auto"] = "none"
    loss: LossName = "auto"
    gamma: float = 2.0
    sampling: Literal["once", "balanced"] = "once"

    def __post_init__(self) -> None:
        demand_words(self, "target")
        demand(0 <= self.smoothing < 1, "target.smoothing", self.smoothing, "in [0, 1)")
        demand(0 <= self.gamma < math.inf, "target.gamma", self.gamma, "a number of 0 or more")


@dataclass(frozen=True)
class Choice:
    """A decision with its reason, for the person."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True)
class Composed:
    """A recipe of any kind of run: a frozen dataclass whose fields are configs and plain values, and its way from and
    to plain data."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The recipe `to_dict` described. Raises InputError on unknown keys and impossible values."""
        kinds = get_type_hints(cls)
        refuse_strangers(data, kinds)
        return cls(**{name: build(kinds[name], value, name) for name, value in data.items()})

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """The recipe with some settings replaced: {"optim": {"lr": 0.001}} or {"optim.lr": 0.001}.

        Raises:
            InputError: a key is unknown (the nearest is suggested) or a value does not fit.
        """
        kinds, new = get_type_hints(type(self)), nested(settings)
        refuse_strangers(new, kinds)
        both = merged(self.to_dict(), new)
        return replace(self, **{key: build(kinds[key], both[key], key) for key in new})


@dataclass(frozen=True)
class Recipe(Composed):
    """One complete run.

    Args:
        model: preset and options.
        preprocess: how pictures are fitted to the model.
        budget: minutes, epochs or steps.
        augment: what is varied in training pictures.
        mix: mixup and cutmix.
        target: loss, smoothing, class weights, sampling.
        optim: optimiser.
        loop: batch, schedule, precision, evaluations.
        transfer: what it begins with.
        teacher: who it learns from beside the labels.
        views: of a picture, whose answers are averaged when the finished model is used.
        seed: of everything random.
        fraction: of the training pictures that is learned from, in (0, 1].
    """

    model: ModelConfig
    preprocess: Preprocess
    budget: Budget
    augment: AugmentConfig = AugmentConfig()
    mix: MixConfig = MixConfig()
    target: TargetConfig = TargetConfig()
    optim: OptimConfig = OptimConfig()
    loop: LoopConfig = LoopConfig()
    transfer: TransferConfig = TransferConfig()
    teacher: TeacherConfig = TeacherConfig()
    views: Views = Views()
    seed: int = 0
    fraction: float = 1.0

    def __post_init__(self) -> None:
        demand(0 <= self.seed < 2**63, "seed", self.seed, "a whole number from 0 to 9223372036854775807")
        side, shift = min(self.preprocess.img_size), self.views.shift
        demand(shift < side, "views.shift", shift, f"below {side}, the shorter side of the pictures")


def refuse_strangers(names: Iterable[str], kinds: Mapping[str, Any], where: object = "") -> None:
    """Raises InputError for a name that is none of a recipe's; the nearest is suggested, or the sections that have a
    field of that name.

    Args:
        names: of sections and plain values.
        kinds: the type of each that there is.
        where: the file or option they are from.
    """
    for name in names:
        if name not in kinds:
            inside = [f"{section}.{name}" for section, kind in kinds.items() if name in field_names(kind)]
            mend = f"did you mean {' or '.join(inside)}?" if inside else suggest(name, kinds)
            mend = mend or f"there are {', '.join(kinds)}"
            raise InputError(f'there is no setting "{name}"', where=where, mend=mend)


def field_names(kind: Any) -> set[str]:
    """The fields of a config; none of a plain type."""
    return {f.name for f in fields(kind)} if is_dataclass(kind) else set()


def build(kind: Any, value: Any, name: str, *, where: object = "") -> Any:
    """A part of a recipe from plain data: a config of class `kind`, or a plain value of that type."""
    if not is_dataclass(kind):
        return fit(value, kind, name, where=where)
    if not isinstance(value, Mapping):
        mend = f"set a field of it: {name}.{fields(kind)[0].name}"
        raise InputError(f'"{name}" is a section, not a value', where=where, mend=mend)
    config = cast(Any, kind)
    given = fitted(config, value, name, where=where)
    if missing := needed(kind) - set(given):
        lacks = ", ".join(f"{name}.{one}" for one in sorted(missing))
        raise InputError(f"{lacks} is missing", where=where, mend="set it")
    return config(**given)


def needed(kind: Any) -> set[str]:
    """The fields of a config that have no default."""
    return {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}


def settle(settings: Mapping[str, Any], where: object, recipe: type[Composed] = Recipe) -> dict[str, Any]:
    """What a person settled, nested, every value in its type and range: mistakes are told before any work is done.

    Args:
        settings: {"optim": {"lr": 0.001}} or {"optim.lr": 0.001}; sections may be incomplete.
        where: the file or option they are from, for messages.
        recipe: the kind of recipe they are for.

    Raises:
        InputError: a key is unknown (the nearest is suggested) or a value does not fit.
    """
    kinds = get_type_hints(recipe)
    settled: dict[str, Any] = {}
    for name, value in nested(settings).items():
        refuse_strangers([name], kinds, where)
        kind = kinds[name]
        if not (is_dataclass(kind) and isinstance(value, Mapping)):
            settled[name] = build(kind, value, name, where=where)
            continue
        config = cast(Any, kind)
        if isinstance(value.get("img_size"), int):
            value = {**value, "img_size": [value["img_size"]] * 2}  # a square
        settled[name] = fitted(config, value, name, where=where)
        if "img_size" in settled[name]:
            demand_size(settled[name]["img_size"])  # from which much is chosen before the rest of its section is known
        if needed(config) <= set(value):
            config(**settled[name])  # raises where a value is out of its range
    return settled


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """{"optim.lr": 1} as {"optim": {"lr": 1}}; nested settings stay."""
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        *path, last = key.split(".")
        table = tree
        for name in path:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise InputError(f'"{name}" is set to a value and to fields', mend="leave one of them out")
        inner = table.get(last)
        if isinstance(value, Mapping):
            value = {**(inner if isinstance(inner, dict) else {}), **nested(value)}
        table[last] = value
    return tree


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with those of `new` in place of the old ones, field by field; but a budget is one of three, so a
    new unit replaces the old one."""
    both = dict(old)
    for key, value in new.items():
        section = isinstance(value, Mapping) and isinstance(both.get(key), Mapping) and key != "budget"
        both[key] = merged(both[key], value) if section else value
    return both


def parse_settings(pairs: Mapping[str, Any]) -> dict[str, Any]:
    """Strings of the command line as TOML reads them, where it does; other values as they are."""
    parsed = dict(pairs)
    for key, text in pairs.items():
        if isinstance(text, str):
            with suppress(tomllib.TOMLDecodeError):
                parsed[key] = tomllib.loads(f"value = {text}")["value"]
    return parsed

"""A recipe: one complete run, composed of the configs of its parts. What run.toml holds and `--set` changes."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, Self

from torch import nn

from smalti.data.augment import AugmentConfig
from smalti.data.mixing import MixConfig
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.models.registry import build as build_model
from smalti.models.registry import preset_config, suggest
from smalti.train.budget import Budget
from smalti.train.loop import LoopConfig
from smalti.train.optim import OptimConfig

__all__ = ["Choice", "ModelConfig", "Recipe", "TargetConfig", "parse_settings"]


@dataclass(frozen=True)
class ModelConfig:
    """Which model: a preset, and fields of its config to replace (drop_path_rate = 0.1)."""

    preset: str
    options: dict[str, Any] = field(default_factory=dict)

    def resolve(self, preprocess: Preprocess, num_classes: int) -> tuple[str, Any]:
        """Family and full config, for the pictures `preprocess` makes. Raises InputError on what does not fit
        together.
        """
        size, chans = preprocess.img_size, preprocess.in_chans
        return preset_config(
            self.preset, **{"img_size": size, "in_chans": chans, "num_classes": num_classes, **self.options}
        )

    def build(self, preprocess: Preprocess, num_classes: int) -> nn.Module:
        """The module with fresh weights."""
        return build_model(*self.resolve(preprocess, num_classes))


@dataclass(frozen=True)
class TargetConfig:
    """How targets are used: label smoothing, and class weights ("auto" weighs rare classes up, by the root of their
    rarity).
    """

    smoothing: float = 0.0
    class_weights: Literal["none", "auto"] = "none"


@dataclass(frozen=True)
class Choice:
    """A decision with its reason, for the person."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True)
class Recipe:
    """One complete run.

    Args:
        model: preset and options.
        preprocess: how pictures are fitted to the model.
        budget: minutes, epochs or steps.
        augment: what is varied in training pictures.
        mix: mixup and cutmix.
        target: smoothing and class weights.
        optim: optimiser.
        loop: batch, schedule, precision, evaluations.
        flip_views: average the answers for a picture and its mirror image.
        seed: of everything random.
    """

    model: ModelConfig
    preprocess: Preprocess
    budget: Budget
    augment: AugmentConfig = AugmentConfig()
    mix: MixConfig = MixConfig()
    target: TargetConfig = TargetConfig()
    optim: OptimConfig = OptimConfig()
    loop: LoopConfig = LoopConfig()
    flip_views: bool = False
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The recipe `to_dict` described. Raises InputError on unknown keys and impossible values."""
        kinds = {f.name: f.type for f in fields(cls)}
        known = {name: value for name, value in data.items() if name in kinds}
        if len(known) != len(data):
            stranger = next(name for name in data if name not in kinds)
            raise InputError(
                f'a recipe has no section "{stranger}"', mend=suggest(stranger, kinds) or f"it has {', '.join(kinds)}"
            )
        parts = {name: build(kinds[name], value, name) for name, value in known.items()}
        return cls(**parts)

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """The recipe with some settings replaced: {"optim": {"lr": 0.001}} or {"optim.lr": 0.001}.

        Raises:
            InputError: a key is unknown (the nearest is suggested) or a value does not fit.
        """
        recipe = self
        for key, value in nested(settings).items():
            recipe = recipe._with(key, value)
        return recipe

    def _with(self, key: str, value: Any) -> Self:
        known = [f.name for f in fields(self)]
        if key not in known:
            raise InputError(
                f'there is no setting "{key}"',
                where="settings",
                mend=suggest(key, known) or f"there are {', '.join(known)}",
            )
        old = getattr(self, key)
        if not is_dataclass(old):
            return replace(self, **{key: coerce(value, old, key)})
        if not isinstance(value, Mapping):
            raise InputError(
                f'"{key}" is a section, not a value',
                where="settings",
                mend=f"set a field of it: {key}.{fields(old)[0].name}",
            )
        # a budget is one of three: a new unit replaces the old one
        merged = dict(value) if isinstance(old, Budget) else {**asdict(old), **value}  # type: ignore[call-overload]
        if isinstance(old, ModelConfig):
            merged["options"] = {**old.options, **value.get("options", {})}
        return replace(self, **{key: build(type(old), merged, key)})


def build(kind: Any, value: Any, where: str) -> Any:
    """A config of class `kind` from plain data; other values as they are."""
    if not is_dataclass(kind):
        return value
    known = {f.name: f for f in fields(kind)}
    for key in value:
        if key not in known:
            raise InputError(
                f'there is no setting "{where}.{key}"',
                where="settings",
                mend=suggest(key, known) or f"{where} has {', '.join(known)}",
            )
    example = {f.name: f.default for f in fields(kind)}
    try:
        return kind(**{key: coerce(one, example[key], f"{where}.{key}") for key, one in value.items()})  # type: ignore[operator]
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where} cannot be built", where="settings", why=str(error)) from error


def coerce(value: Any, like: Any, where: str) -> Any:
    """`value` in the type of `like` where that is safe: a list as a tuple, 1 as 1.0. Raises InputError where it is
    not.
    """
    if isinstance(value, list):
        return tuple(value)
    if isinstance(like, bool):
        fits = isinstance(value, bool)
    elif isinstance(like, float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        value = float(value) if fits else value
    elif isinstance(like, int | str | tuple):
        fits = isinstance(value, type(like)) and not isinstance(value, bool)
    else:
        return value
    if not fits and value is not None:
        raise InputError(
            f"{where} = {value!r} is not a {type(like).__name__}", where="settings", mend=f"a value like {like!r}"
        )
    return value


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """{"optim.lr": 1} as {"optim": {"lr": 1}}; nested settings stay."""
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        *path, last = key.split(".")
        table = tree
        for name in path:
            table = table.setdefault(name, {})
        table[last] = {**table.get(last, {}), **nested(value)} if isinstance(value, Mapping) else value
    return tree


def parse_settings(pairs: Mapping[str, str]) -> dict[str, Any]:
    """Values from the command line as TOML reads them; what is no TOML is a string."""
    parsed = {}
    for key, text in pairs.items():
        try:
            parsed[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            parsed[key] = text
    return parsed

"""What every config has in common: its fields say by name and type what may be set.

A config is a frozen dataclass. Values come from people: from TOML, from `--set`, from metadata. Here they meet the
annotations of the fields, once, so that a config can rely on its types.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from smalti.errors import InputError

__all__ = ["demand", "demand_words", "fit", "fitted", "pair", "suggest"]

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", dict: "a table"}


def fitted(config: type, values: Mapping[str, Any], section: str = "", *, where: object = "") -> dict[str, Any]:
    """`values` in the types of the fields of `config`: a list as a tuple, 1 as 1.0, "none" as None where it may be.

    Args:
        config: a dataclass.
        values: by field name; fields may be missing.
        section: what the person calls the config ("optim"), for the message.
        where: the file or option the values are from, for the message.

    Raises:
        InputError: there is no such field (the nearest is suggested), or a value is not of its type.
    """
    hints = _hints(config)
    for name in values:
        if name not in hints:
            has = f"{section or config.__name__} has {', '.join(hints)}"
            mend = suggest(name, hints, section) or has
            raise InputError(f'there is no setting "{_path(section, name)}"', where=where, mend=mend)
    defaults = {f.name: f.default for f in fields(config) if f.default is not MISSING}
    return {
        name: fit(value, hints[name], _path(section, name), like=defaults.get(name), where=where)
        for name, value in values.items()
    }


def fit(value: Any, hint: Any, name: str, *, like: Any = None, where: object = "") -> Any:
    """One value in the type `hint`. Raises InputError where it is not of that type; `like` is an example of one."""
    fits, result = _fit(value, hint)
    if not fits:
        mend = ""
        if isinstance(value, str):
            mend = suggest(value, [word for kind in _kinds(hint) for word in _literals(kind)])
        mend = mend or (f"a value like {like!r}" if like is not None else f"give {_describe(hint)}")
        raise InputError(f"{name} = {value!r} is not {_describe(hint)}", where=where, mend=mend)
    return result


def demand(fits: bool, name: str, value: object, expected: str) -> None:
    """Raises InputError where a field's value is out of its range: "optim.lr = -1 is not above 0"."""
    if not fits:
        raise InputError(f"{name} = {value!r} is not {expected}", mend=f"give {name} a value that is {expected}")


def demand_words(config: Any, section: str = "") -> None:
    """Raises InputError where a field of a config that has one of a few words has another."""
    for name, hint in _hints(type(config)).items():
        if any(_literals(kind) for kind in _kinds(hint)):
            fit(getattr(config, name), hint, _path(section, name))


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """(H, W) from one number for a square, or two."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def suggest(name: str, known: Iterable[str], section: str = "") -> str:
    """'did you mean "x"?', or nothing where no known name is near; the names of a section with it: "optim.lr"."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f'did you mean "{_path(section, near[0])}"?' if near else ""


@cache
def _hints(config: type) -> dict[str, Any]:
    hints = get_type_hints(config)
    return {f.name: hints[f.name] for f in fields(config)}


def _path(section: str, name: str) -> str:
    return f"{section}.{name}" if section else name


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union; else the type alone."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _literals(kind: Any) -> tuple[str, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _fit(value: Any, hint: Any) -> tuple[bool, Any]:
    """Whether `value` is of type `hint`, and what it then is."""
    kinds = _kinds(hint)
    for kind in kinds:
        fits, result = _fit_one(value, kind)
        if fits:
            return True, result
    return NoneType in kinds and value == "none", None  # TOML has no null


def _fit_one(value: Any, kind: Any) -> tuple[bool, Any]:
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if kind is Any:
        return True, value
    if origin is Literal:
        return isinstance(value, str) and value in inner, value
    if origin is NoneType:
        return value is None, None
    if origin is float:
        number = isinstance(value, Real) and not isinstance(value, bool)
        return number, float(value) if number else value
    if origin is int:
        number = isinstance(value, Integral) and not isinstance(value, bool)
        return number, int(value) if number else value
    if origin is tuple:
        return _fit_tuple(value, inner)
    if origin is dict:
        return isinstance(value, Mapping), dict(value) if isinstance(value, Mapping) else value
    return isinstance(value, origin), value


def _fit_tuple(value: Any, inner: tuple[Any, ...]) -> tuple[bool, Any]:
    if not isinstance(value, list | tuple):
        return False, value
    kinds = inner[:1] * len(value) if inner[-1:] == (Ellipsis,) else inner
    found = [_fit(one, kind) for one, kind in zip(value, kinds, strict=False)]
    return len(value) == len(kinds) and all(fits for fits, _ in found), tuple(result for _, result in found)


def _describe(hint: Any) -> str:
    """A type in words: "a number or none", "one of linear, cosine"."""
    words = []
    for kind in _kinds(hint):
        origin, inner = get_origin(kind) or kind, get_args(kind)
        if origin is Literal:
            words.append(f"one of {', '.join(map(str, inner))}")
        elif origin is NoneType:
            words.append("none")
        elif origin is tuple:
            count = "" if inner[-1:] == (Ellipsis,) else f"{len(inner)} "
            words.append(f"a list of {count}{'whole numbers' if inner[0] is int else 'numbers'}")
        else:
            words.append(_WORDS.get(origin, "a value"))
    return " or ".join(words)

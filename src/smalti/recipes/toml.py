"""TOML in and out, for run.toml; the standard library only reads it."""

import json
import tomllib
from pathlib import Path
from typing import Any

from smalti.errors import InputError

__all__ = ["dumps", "read_toml"]


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


def dumps(tree: dict[str, Any]) -> str:
    """A tree of dicts, lists, strings, numbers and booleans as TOML. None is written as the text "none": TOML has no
    null, and a key that is left out would mean the default.
    """
    return "\n".join(lines(tree, ())).lstrip("\n") + "\n"


def lines(table: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    """The lines of one table: plain values first, then its tables and arrays of tables."""
    plain = {k: v for k, v in table.items() if not isinstance(v, dict) and not is_tables(v)}
    out = [f"{name(k)} = {literal(v)}" for k, v in plain.items()]
    for key, value in table.items():
        inner = (*path, name(key))
        if isinstance(value, dict):
            out += ["", f"[{'.'.join(inner)}]", *lines(value, inner)]
        elif is_tables(value):
            for one in value:
                out += ["", f"[[{'.'.join(inner)}]]", *lines(one, inner)]
    return out


def is_tables(value: Any) -> bool:
    """Whether a value is a list of dicts."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(one, dict) for one in value)


def literal(value: Any) -> str:
    """A plain value as TOML writes it."""
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).replace("e+", "e")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name(k)} = {literal(v)}' for k, v in value.items())} }}"
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, and lone surrogates, which UTF-8 cannot hold
    text = json.dumps(str(value).encode("utf-8", "replace").decode(), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")


def name(key: str) -> str:
    """A key, quoted where it must be."""
    return key if key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key) else literal(key)

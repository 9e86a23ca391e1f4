"""Two names for one weight: tables that a person can read, and that work in both directions.

A row says what we call a parameter and what somebody else does. `{i}` and `{j}` stand for a number, `{p}` for weight or
bias, `{rest}` for anything; `{i-1}` is a number less one. Where one side keeps apart what the other has in one
(queries, keys and values), it names all parts; None is a part it does not have, which is zero on the other side.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

__all__ = ["Names", "Row"]

Side = str | tuple[str | None, ...]
Row = tuple[Side, Side]

PLACE = re.compile(r"\{(\w+)([+-]\d+)?\}")
KINDS = {"i": r"\d+", "j": r"\d+", "p": "weight|bias", "rest": ".+"}


@dataclass(frozen=True)
class Names:
    """A table of names.

    Args:
        rows: (ours, theirs); a name that no row has is the same in both.
        unused: theirs, with the same places: what they store and we do not need.
    """

    rows: tuple[Row, ...] = ()
    unused: tuple[str, ...] = ()

    def to_ours(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Their state dict under our names."""
        kept = {n: t for n, t in state.items() if not any(match(one, n) is not None for one in self.unused)}
        return translate(kept, ((theirs, ours) for ours, theirs in self.rows))

    def to_theirs(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our state dict under their names: what `to_ours` undoes, but for parts they do not have."""
        return translate(state, self.rows)


def translate(state: Mapping[str, Tensor], rows: Iterable[Row]) -> dict[str, Tensor]:
    """A state dict with the names on the left of `rows` under those on their right.

    Parts that one name on the right joins stay as they are where some of them are missing: whoever compares names
    afterwards tells.
    """
    rows = tuple(rows)
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        row, places = find(name, rows)
        if row is None:
            renamed[name] = tensor
        elif isinstance(row[0], tuple):
            wanted = [one and fill(one, places) for one in row[0]]
            if all(one is None or one in state for one in wanted):
                pieces = [torch.zeros_like(tensor) if one is None else state[one] for one in wanted]
                renamed[fill(str(row[1]), places)] = torch.cat(pieces)
            else:
                renamed[name] = tensor
        elif isinstance(row[1], tuple):
            pieces = zip(row[1], tensor.chunk(len(row[1])), strict=True)
            renamed |= {fill(one, places): piece.clone() for one, piece in pieces if one}
        else:
            renamed[fill(row[1], places)] = tensor
    return renamed


def find(name: str, rows: tuple[Row, ...]) -> tuple[Row | None, dict[str, str]]:
    """The first row that has a name on its left, with what stands in its places."""
    for row in rows:
        for template in (row[0],) if isinstance(row[0], str) else row[0]:
            if template and (places := match(template, name)) is not None:
                return row, places
    return None, {}


def match(template: str, name: str) -> dict[str, str] | None:
    """What stands in the places of a template where it fits the whole name, else None."""
    found = pattern(template).fullmatch(name)
    if found is None:
        return None
    shifts = {place: int(shift or 0) for place, shift in PLACE.findall(template)}
    return {
        place: str(int(text) - shifts[place]) if shifts[place] else text for place, text in found.groupdict().items()
    }


@cache
def pattern(template: str) -> re.Pattern[str]:
    """A template as a regular expression with a group for each place."""
    pieces = PLACE.split(template)  # text, place, shift, text, ...
    text = re.escape(pieces[0])
    for place, after in zip(pieces[1::3], pieces[3::3], strict=True):
        text += f"(?P<{place}>{KINDS[place]}){re.escape(after)}"
    return re.compile(text)


def fill(template: str, places: Mapping[str, str]) -> str:
    """A template with its places filled."""
    return PLACE.sub(lambda m: str(int(places[m[1]]) + int(m[2])) if m[2] else places[m[1]], template)

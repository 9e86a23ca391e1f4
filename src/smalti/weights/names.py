"""Two names for one weight: tables that a person can read, and that work in both directions.

A row says what we call a parameter and what somebody else does. `{i}` and `{j}` stand for a number, `{p}` for weight or
bias, `{rest}` for anything; `{i-1}` is a number less one. Where others keep queries, keys and values apart, the row
names all three; None is a bias they do not have, which is zero with us.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

__all__ = ["Names"]

Row = tuple[str, str | tuple[str | None, ...]]

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
        """Their state dict under our names; queries, keys and values in one."""
        renamed: dict[str, Tensor] = {}
        apart: dict[tuple[str, Row], dict[str, Tensor]] = {}
        for name, tensor in state.items():
            if any(match(template, name) is not None for template in self.unused):
                continue
            for row in self.rows:
                ours, theirs = row
                found = next((f for one in parts(theirs) if one and (f := match(one, name)) is not None), None)
                if found is None:
                    continue
                if isinstance(theirs, str):
                    renamed[fill(ours, found)] = tensor
                else:
                    apart.setdefault((fill(ours, found), row), {})[name] = tensor
                break
            else:
                renamed[name] = tensor
        for (ours, row), found in apart.items():
            places = match(row[0], ours) or {}
            wanted = [fill(one, places) if one else None for one in parts(row[1])]
            if set(wanted) - {None} == set(found):
                blank = torch.zeros_like(next(iter(found.values())))
                renamed[ours] = torch.cat([found[one] if one else blank for one in wanted])
            else:  # incomplete: left as it is, for the one who compares names to tell
                renamed.update(found)
        return renamed

    def to_theirs(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our state dict under their names: what `to_ours` undoes, but for biases they do not have."""
        renamed: dict[str, Tensor] = {}
        for name, tensor in state.items():
            for ours, theirs in self.rows:
                places = match(ours, name)
                if places is None:
                    continue
                pieces = tensor.chunk(len(theirs)) if isinstance(theirs, tuple) else (tensor,)
                for one, piece in zip(parts(theirs), pieces, strict=True):
                    if one:
                        renamed[fill(one, places)] = piece.clone() if isinstance(theirs, tuple) else piece
                break
            else:
                renamed[name] = tensor
        return renamed


def parts(theirs: str | tuple[str | None, ...]) -> tuple[str | None, ...]:
    """The names on their side of a row."""
    return (theirs,) if isinstance(theirs, str) else theirs


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
    return PLACE.sub(
        lambda m: str(int(places[m[1]]) + int(m[2])) if m[2] else places[m[1]],
        template,
    )

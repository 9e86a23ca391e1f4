"""A table of mistakes: each a function that lays the ground and returns the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bad_input.ground import Ground


@dataclass(frozen=True)
class Case:
    """A mistake and what must come of it.

    Args:
        make: lays the ground in the current folder and returns the arguments after `smalti`.
        code: the exit code.
        names: the file, option or field the message must name.
        says: further words it must contain.
        leaves: whether new files may be left behind.
    """

    make: Callable[[Ground], list[str]]
    code: int
    names: str
    says: tuple[str, ...]
    leaves: bool = False

    @property
    def id(self) -> str:
        return self.make.__name__


CASES: list[Case] = []


def case(code: int, names: str, *says: str, leaves: bool = False) -> Callable[[Callable[[Ground], list[str]]], Any]:
    """Puts a mistake into the table."""

    def add(make: Callable[[Ground], list[str]]) -> Callable[[Ground], list[str]]:
        CASES.append(Case(make, code, names, says, leaves))
        return make

    return add

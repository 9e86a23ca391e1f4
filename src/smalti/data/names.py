"""The names of many samples, packed: an index of a million files takes tens of megabytes, not hundreds."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["Names"]

_AT_ONCE = 4096  # names looked up together while all are gone through


class Names(Sequence[str]):
    """N strings, one behind the other in one block of UTF-8; each is made when it is asked for.

    A name of n bytes takes n + 8 of them, n + 16 in a choice; as a `str` in a list it takes n + 57. Python counts no
    references in a block, so processes that are forked off share it for good.

    Args:
        texts: the strings, whatever they hold (file names that are no Unicode too).
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        block, bounds = bytearray(), array("q", [0])
        for text in texts:
            block += text.encode("utf-8", "surrogatepass")
            bounds.append(len(block))
        self._block = block
        self._starts, self._ends = np.frombuffer(bounds, np.int64)[:-1], np.frombuffer(bounds, np.int64)[1:]

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Names": ...
    def __getitem__(self, index: int | slice) -> "str | Names":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self._block[self._starts.item(index) : self._ends.item(index)].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            for start, end in zip(self._starts[some].tolist(), self._ends[some].tolist(), strict=True):
                yield self._block[start:end].decode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return f"Names({[*self[:3]]}, {len(self):,} in all)"

    def take(self, positions: Sequence[int] | NDArray[np.integer]) -> "Names":
        """The names at these positions, in this order: itself where that is all of them as they stand."""
        if np.array_equal(positions, np.arange(len(self))):
            return self
        chosen = object.__new__(Names)
        places = np.asarray(positions, np.int64)
        chosen._block, chosen._starts, chosen._ends = self._block, self._starts[places], self._ends[places]
        return chosen

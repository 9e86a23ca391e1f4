"""Units: the samples of one content or group, which stay together, and the random order that units come in."""

import hashlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["keyed", "leading", "units_of"]


def units_of(contents: NDArray[np.int64], groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """(n,) numbers from 0: equal for samples that equal content or group links, directly or through others."""
    contents = _numbered(contents)
    if groups is None:
        return contents
    groups = _numbered(groups) + len(contents)
    parent = list(range(2 * len(contents)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for content, group in zip(contents.tolist(), groups.tolist(), strict=True):
        parent[root(content)] = root(group)
    return _numbered(np.array([root(content) for content in contents.tolist()]))


def _numbered(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The distinct `values` as numbers from 0."""
    return np.unique_inverse(values).inverse_indices.astype(np.int64)


def leading(hashes: NDArray[np.uint8], units: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Of the hashes (n, 16) of samples the least of each unit, (units, 16): one stands for all, so that a large unit
    comes no earlier than a small one."""
    order = np.lexsort((*hashes.T[::-1], units))
    return hashes[order[np.unique(units[order], return_index=True)[1]]]


def keyed(hashes: NDArray[np.uint8], seed: int) -> NDArray[np.uint64]:
    """(n,) numbers that put contents in a random order, another one for every seed."""
    key = str(seed).encode()
    digests = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest() for row in hashes)
    return np.frombuffer(digests, "<u8").astype(np.uint64)

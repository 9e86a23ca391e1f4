"""Random numbers as functions of what they are for: (seed, purpose, epoch, sample), never of what was drawn before.

A counter is hashed with the splitmix64 finaliser (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
generators"). So the augmentation of a sample is the same alone and in any batch, in any worker and after any
interruption, and nothing here reads or changes a global random state.
"""

import hashlib
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["hash_key", "permutation", "step_seed", "stream", "uniforms"]

_GAMMA = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio, the step of splitmix64
_MASK = (1 << 64) - 1
_CHUNK = 1 << 20  # ids hashed at a time: bounds the temporaries of a permutation of 10**8


def uniforms(seed: int, epoch: int, ids: Tensor | NDArray[np.int64], count: int, *, purpose: str = "augment") -> Tensor:
    """`count` independent uniform numbers for every sample of a batch.

    Args:
        seed: any integer.
        epoch: any integer.
        ids: (B,) positions of the samples in their source.
        count: numbers a sample.
        purpose: a word that separates uses: numbers of "crop" and of "flip" are independent, and adding one use
            leaves the numbers of the others as they were.

    Returns:
        (B, count) float64 in [0, 1), multiples of 2**-32, so that `floor(u * n)` is below n for every n up to 2**20.
    """
    bits = _bits(hash_key(seed, purpose, epoch), np.asarray(ids, dtype=np.int64), count)
    return torch.from_numpy((bits >> np.uint64(32)) * 2.0**-32)


def permutation(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """The order of n samples in an epoch: (n,) int64, every position in [0, n) once. About 16 bytes a sample."""
    key = hash_key(seed, "order", epoch)
    keys = np.empty(n, dtype=np.uint64)
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        keys[start:stop] = _bits(key, np.arange(start, stop, dtype=np.int64), 1)[:, 0]
    return np.argsort(keys, kind="stable")


def step_seed(seed: int, *keys: int | str) -> int:
    """A seed in [0, 2**63) for what is drawn in one step."""
    return hash_key(seed, "step", *keys) >> 1


def stream(seed: int, *keys: int | str) -> torch.Generator:
    """A CPU generator of its own for (seed, *keys), for draws that need more than uniform numbers."""
    return torch.Generator().manual_seed(step_seed(seed, *keys))


def hash_key(*parts: int | str) -> int:
    """Folds integers and words into one 64-bit key; another order or another part gives an unrelated key."""
    key = 0
    for part in parts:
        number = _word(part) if isinstance(part, str) else part
        key = _mix_int((key ^ _mix_int(number + _GAMMA)) + _GAMMA)
    return key


def _bits(key: int, ids: NDArray[np.int64], count: int) -> NDArray[np.uint64]:
    """(B,) ids to (B, count) hashed 64-bit words: a splitmix64 stream a sample, started at the hash of (key, id)."""
    gamma = np.uint64(_GAMMA)
    state = _mix((np.uint64(key) ^ _mix(ids.astype(np.uint64) + gamma)) + gamma)
    steps = np.arange(1, count + 1, dtype=np.uint64) * gamma
    return _mix(state[:, None] + steps)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 on an array; products wrap at 64 bits."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _mix_int(z: int) -> int:
    """`_mix` of one Python integer, which does not wrap by itself."""
    z &= _MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return z ^ (z >> 31)


@lru_cache(maxsize=256)
def _word(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")

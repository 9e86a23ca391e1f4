"""One pass over every picture of a source: whether it can be read, what it looks like, and a hash of its content.

This is the only place that decodes a whole data set before training. What it learns is small, so it is kept in the
cache under a fingerprint of the data: the second look costs no decoding.
"""

import errno
import hashlib
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain

import numpy as np
import PIL
from numpy.typing import NDArray

from smalti._version import __version__
from smalti.data.cache import keep, recall
from smalti.data.cores import cores
from smalti.data.decoding.decode import examine, probe
from smalti.data.decoding.heic import heif_version
from smalti.data.decoding.suffixes import FORMATS
from smalti.data.source import TRAIN, Source, digest
from smalti.errors import SmaltiError

__all__ = ["Contents", "Facts", "Failure", "gather"]

# Raise the first number when a fact changes its meaning.
_CODE = f"3 smalti {__version__} pillow {PIL.__version__} heif {heif_version()}"
_CHUNK = 64  # pictures a task of the pool
_SMALL = 96 * 96  # pixels; below, Python's own work is most of the time, and threads only wait for each other
_SAMPLE = 2000  # pictures behind mean and deviation
_FORMATS = (*FORMATS, "array")
_LASTING = (errno.ENOENT, errno.EFBIG, errno.ENOTSUP, errno.EBADMSG)  # until the file is another one


@dataclass(frozen=True)
class Failure:
    """Why a picture cannot be read, and what to do about it."""

    cause: str
    mend: str
    passing: bool = False  # the disk's fault, not the picture's: not to be remembered


@dataclass(frozen=True, eq=False)
class Contents:
    """Which of N samples are alike: all that dividing them asks.

    Args:
        readable: (N,) bool.
        hashes: (N, 16) uint8, of the content; of an unreadable sample anything.
    """

    readable: NDArray[np.bool_]
    hashes: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.readable)

    @cached_property
    def contents(self) -> NDArray[np.int64]:
        """(N,) int64: equal numbers where the content is equal; -1 for unreadable samples."""
        numbers = np.full(len(self), -1, np.int64)
        hashes = np.ascontiguousarray(self.hashes[self.readable]).view("V16").reshape(-1)
        numbers[self.readable] = np.unique(hashes, return_inverse=True)[1]
        return numbers


@dataclass(frozen=True, eq=False)
class Facts(Contents):
    """What one pass over N pictures found; rows of unreadable pictures are zero.

    The hash covers the decoded pixels and their shape, nothing else: a copy that was saved again without loss, in
    another format, with other metadata, or grey as RGB, has the same hash.

    Args:
        readable: (N,) bool.
        hashes: (N, 16) uint8, blake2b of the decoded pixels.
        sizes: (N, 2) int32, height and width in pixels, upright.
        bands: (N,) uint16, channels: 1 where every pixel is grey, also in a colour file; 3 colour; an array's own.
        bits: (N,) uint8, of a stored value: 8, 16, 32 or 64.
        peaks: (N,) float64, the highest stored value of a picture that is not 8-bit; 0 for 8-bit pictures.
        lows: (N,) float64, the lowest one, likewise.
        formats: (N,) int8, what the content is, whatever the name says; see `format_of`.
        sampled: (M,) int64, positions of the pictures behind `moments`: up to 2,000, evenly spaced, of the train split
            where the data gives one.
        moments: (M, 2, C) float64, the mean of the stored values and of their squares in each channel; NaN if none.
        failures: of the unreadable pictures, by position.
    """

    sizes: NDArray[np.int32]
    bands: NDArray[np.uint16]
    bits: NDArray[np.uint8]
    peaks: NDArray[np.float64]
    lows: NDArray[np.float64]
    formats: NDArray[np.int8]
    sampled: NDArray[np.int64]
    moments: NDArray[np.float64]
    failures: dict[int, Failure]

    @property
    def deep(self) -> NDArray[np.bool_]:
        """(N,) whether the picture is not 8-bit, so that `Preprocess.white` says what its white is."""
        return (self.bits > 8) | (self.peaks > 0)

    def format_of(self, index: int) -> str:
        """The format of picture `index` as Pillow names it ("JPEG"), or "array"."""
        return _FORMATS[self.formats[index]]


def gather(source: Source, *, progress: Callable[[int, int], None] | None = None, cached: bool = True) -> Facts:
    """Reads and decodes every picture once, in threads; from the cache where the data has not changed.

    Args:
        progress: called with (pictures done, pictures in all), from this thread.
        cached: whether the cache may answer; what is found is kept there in either case.
    """
    key = _key(source)
    if cached and (kept := recall("check", key)) is not None:
        if progress is not None:
            progress(len(source), len(source))
        return _unpack(kept)
    facts = _look_at_all(source, progress)
    if not any(failure.passing for failure in facts.failures.values()):
        keep("check", key, _pack(facts))
    return facts


def _look_at_all(source: Source, progress: Callable[[int, int], None] | None) -> Facts:
    n = len(source)
    readable, hashes = np.zeros(n, np.bool_), np.zeros((n, 16), np.uint8)
    sizes, bands, bits = np.zeros((n, 2), np.int32), np.zeros(n, np.uint16), np.zeros(n, np.uint8)
    peaks, lows, formats = np.zeros(n, np.float64), np.zeros(n, np.float64), np.zeros(n, np.int8)
    sampled = _sample(source)
    moments = {i: np.full((2, 1), np.nan) for i in sampled.tolist()}
    failures: dict[int, Failure] = {}

    def look(start: int) -> int:
        stop = min(start + _CHUNK, n)
        for i in range(start, stop):
            try:
                header, pixels = examine(source.read(i))
            except OSError as error:
                passing = error.errno not in _LASTING
                failures[i] = Failure(error.strerror or str(error), "make it readable, or remove it", passing)
                continue
            except SmaltiError as error:
                failures[i] = Failure(f"{error.what} ({error.why})" if error.why else error.what, error.mend)
                continue
            pixels = _without_copies(pixels)
            readable[i] = True
            hashes[i] = np.frombuffer(_hash(pixels), np.uint8)
            sizes[i] = pixels.shape[1:]
            bands[i], bits[i], formats[i] = len(pixels), header.bits, _FORMATS.index(header.format)
            if pixels.dtype != np.uint8:
                peaks[i], lows[i] = pixels.max(), pixels.min()
            if i in moments:
                moments[i] = _moments(pixels)
        return stop - start

    _run(look, range(0, n, _CHUNK), n, _threads(source), progress)
    table = np.full((len(sampled), 2, max((m.shape[1] for m in moments.values()), default=1)), np.nan)
    for row, m in zip(table, moments.values(), strict=True):
        row[:, : m.shape[1]] = m
    told = dict(sorted(failures.items()))
    return Facts(readable, hashes, sizes, bands, bits, peaks, lows, formats, sampled, table, told)


def _run(
    look: Callable[[int], int], starts: range, n: int, threads: int, progress: Callable[[int, int], None] | None
) -> None:
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        try:
            for task in as_completed([pool.submit(look, start) for start in starts]):
                done += task.result()
                if progress is not None:
                    progress(done, n)
        except BaseException:  # Ctrl-C too: what has not begun must not be waited for
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _threads(source: Source) -> int:
    """One where pictures are small, else one a core: Pillow leaves the others free only while it decodes."""
    for i in range(min(len(source), 8)):
        try:
            header = probe(source.read(i))
        except (OSError, SmaltiError):
            continue
        return 1 if header.height * header.width < _SMALL else cores()
    return 1


def _sample(source: Source) -> NDArray[np.int64]:
    """Evenly spaced positions, of the train split where there is one: classes stored one after another are all met."""
    train = np.flatnonzero(source.splits == TRAIN)
    pool = train if len(train) else np.arange(len(source))
    return pool[np.unique(np.linspace(0, len(pool) - 1, min(_SAMPLE, len(pool))).round().astype(np.int64))]


def _without_copies(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """(C, H, W), with C = 1 where a picture of three channels is grey."""
    first, others = pixels[0], pixels[1:]
    # the top row first, which settles it for nearly all colour pictures at no cost
    if len(pixels) == 3 and (others[:, 0] == first[0]).all() and (others == first).all():
        return pixels[:1]
    return pixels


def _moments(pixels: NDArray[np.generic]) -> NDArray[np.float64]:
    """Of (C, H, W): the mean of each channel, and that of its squares, (2, C). Bytes are squared in two bytes each, as
    their squares fit: in floats a photograph of 48 megapixels would take two gigabytes, in every thread."""
    values = pixels.reshape(len(pixels), -1)
    wide = np.uint16 if values.dtype == np.uint8 else np.float64
    return np.stack([values.mean(1, dtype=np.float64), np.square(values, dtype=wide).mean(1, dtype=np.float64)])


def _hash(pixels: NDArray[np.generic]) -> bytes:
    digest = hashlib.blake2b(repr((pixels.shape, pixels.dtype.char)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def _key(source: Source) -> str:
    return digest(chain((_CODE, source.stored_here), source.names, (source.splits.tobytes(),)))


def _pack(facts: Facts) -> bytes:
    arrays = {f.name: getattr(facts, f.name) for f in fields(Facts) if f.name != "failures"}
    failures = json.dumps([[i, failure.cause, failure.mend] for i, failure in facts.failures.items()]).encode()
    file = io.BytesIO()
    np.savez(file, **arrays, failures=np.frombuffer(failures, np.uint8))
    return file.getvalue()


def _unpack(content: bytes) -> Facts:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = dict(arrays)
    failures = json.loads(found.pop("failures").tobytes())
    return Facts(**found, failures={i: Failure(cause, mend) for i, cause, mend in failures})

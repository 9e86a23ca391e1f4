"""Pictures that cannot be read, or differ from what their name or the other pictures let expect: format, size, depth,
channels."""

from collections.abc import Iterator
from os.path import splitext

import numpy as np

from smalti.data.decoding.suffixes import FORMATS, PICTURE_SUFFIXES
from smalti.data.facts import Facts
from smalti.data.problems.samples import names_of, several
from smalti.data.source import Problem, Source

__all__ = [
    "OVERSHOOT",
    "negative_values",
    "odd_channels",
    "odd_depths",
    "odd_sizes",
    "unreadable",
    "wrong_extensions",
]

OVERSHOOT = 0.02  # of the highest value: by how much resampling may leave the range of values

_LONG, _SMALL, _OFF = 4, 8, 10  # odd sizes: long over short side, pixels, times the median


def unreadable(source: Source, facts: Facts) -> Iterator[Problem]:
    """Pictures that cannot be decoded."""
    for index, failure in facts.failures.items():
        mend = f"{failure.mend}; or train without it: --bad-images skip"
        yield Problem("unreadable", source.names[index], failure.cause, mend, fatal=True)


def wrong_extensions(source: Source, facts: Facts) -> Iterator[Problem]:
    """Names with the suffix of another format."""
    found: dict[tuple[str, str], list[str]] = {}
    for index in np.flatnonzero(facts.readable).tolist():
        name, kind = source.names[index], facts.format_of(index)
        suffix = splitext(name)[1].lower()
        if suffix in PICTURE_SUFFIXES and kind in FORMATS and suffix not in FORMATS[kind]:
            found.setdefault((suffix, kind), []).append(name)
    for (suffix, kind), names in found.items():
        mend = f"rename it to {FORMATS[kind][0]}; smalti reads it either way"
        yield several("wrong_extension", names, f"named {suffix}, but it is {kind}", mend)


def odd_sizes(source: Source, facts: Facts) -> Iterator[Problem]:
    """Pictures that are much longer than wide, tiny, or far from the size of most."""
    short, long = facts.sizes.min(1), facts.sizes.max(1)
    side = np.sqrt(facts.sizes.astype(np.float64).prod(1))
    middle = float(np.median(side[facts.readable])) if facts.readable.any() else 0.0
    larger = "use the original, if there is a larger one"
    for odd, cause, mend in (
        (long > _LONG * short, f"one side more than {_LONG} times the other", "crop it, or remove it"),
        (short < _SMALL, f"a side of fewer than {_SMALL} pixels", larger),
        (
            side > _OFF * middle,
            f"over {_OFF} times the size of most, {middle:.0f} pixels",
            "see that it belongs here",
        ),
        (side * _OFF < middle, f"below a tenth of the size of most, {middle:.0f} pixels", larger),
    ):
        if names := names_of(source, np.flatnonzero(odd & facts.readable)):
            height, width = facts.sizes[odd & facts.readable][0]
            yield several("odd_size", names, f"{height} x {width}: {cause}", mend)


def negative_values(source: Source, facts: Facts) -> Iterator[Problem]:
    """Values below zero, which would become black."""
    negative = facts.lows < -OVERSHOOT * facts.peaks.max(initial=0.0)
    if negative.any():
        cause = f"negative values, down to {facts.lows.min():g}, which would become black"
        mend = "shift them all by the same number, or save the pictures as 8 or 16 bit"
        yield several("odd_depth", names_of(source, np.flatnonzero(negative)), cause, mend, fatal=True)


def odd_depths(source: Source, facts: Facts) -> Iterator[Problem]:
    """The fewer ones, where some pictures have 8 bits and some have more."""
    deep, shallow = facts.readable & facts.deep, facts.readable & ~facts.deep
    if deep.any() and shallow.any():
        odd, cause = (deep, "deeper than 8 bits") if deep.sum() <= shallow.sum() else (shallow, "8 bits")
        mend = "store all pictures with the same depth"
        yield several("odd_depth", names_of(source, np.flatnonzero(odd)), f"{cause}, while most pictures are not", mend)


def odd_channels(source: Source, facts: Facts, channels: int) -> Iterator[Problem]:
    """Pictures that the model's channels cannot take; else the fewer ones, where some are grey and some in colour."""
    grey, colour = facts.readable & (facts.bands == 1), facts.readable & (facts.bands == 3)
    fit = (facts.bands == channels) | (grey if channels == 3 else False)
    unfit = facts.readable & ~fit
    if unfit.any():
        cause = f"{facts.bands[unfit][0]} channels where {channels} are expected"
        mend = f"give all pictures {channels} channels"
        yield several("odd_depth", names_of(source, np.flatnonzero(unfit)), cause, mend, fatal=True)
    elif colour.any() and colour.sum() < grey.sum():
        cause = "colour, while most pictures are grey"
        mend = "make it grey if its colour says nothing; the model then needs one channel only"
        yield several("odd_depth", names_of(source, np.flatnonzero(colour)), cause, mend)
    elif colour.any() and grey.any():
        cause = "grey, while most pictures are in colour"
        mend = "nothing must be done: grey is read as colour of equal channels"
        yield several("odd_depth", names_of(source, np.flatnonzero(grey)), cause, mend)

"""Which model, and how large the pictures it sees: near their own size if they are small, else as large as time allows;
coarser where there is no time for finer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from smalti.configs import pair
from smalti.data.batches import step_size
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError
from smalti.models import preset_config
from smalti.recipes.given import Given, Note
from smalti.recipes.pace import Pace
from smalti.recipes.recipe import ModelConfig
from smalti.recipes.transfer import fitted_preprocess, kept_options

__all__ = ["Trial", "choose_model", "first_preprocess", "keep_model"]

LONG = 2  # times as long as wide: small ones that are longer are not made square
PHOTO = 72  # pictures with a longer short side than this are photographs, to be scaled down
FINE = {  # image size: the preset that sees the most in it. Smaller pictures are enlarged, which lets them be turned
    16: "cct_mini_patch2_16",
    28: "cct_mini_patch4_28",
    32: "cct_mini_patch4_32",
    48: "cct_mini_patch8_48",
    64: "cct_mini_patch4_64",
    128: "cct_mini_patch8_128",
}


@dataclass(frozen=True)
class Coarser:
    """What learns more from a short time than a finer preset does.

    Args:
        preset: with fewer tokens, so with more steps in the same time.
        epochs, steps: of the finer one, from which on that one learns more.
    """

    preset: str
    epochs: float = 0
    steps: float = 0

    def wins(self, epochs: float, steps: float) -> str:
        """Why it is the better one where the finer one has only this much time; "" where it is not."""
        if epochs < self.epochs:
            return f"a finer one would see each picture only {epochs:.3g} times"
        if steps < self.steps:
            return f"a finer one would take only {steps:,.0f} steps"
        return ""


COARSER = {
    "cct_mini_patch8_128": Coarser("cct_mini_patch4_64", epochs=40),
    "cct_mini_patch4_64": Coarser("cct_mini_patch8_64", steps=2000),
    "cct_mini_patch4_32": Coarser("cct_mini_patch8_32", steps=5000),
    "cct_mini_patch4_28": Coarser("cct_mini_patch8_32", steps=6000),
    "cct_mini_patch2_16": Coarser("cct_mini_patch4_16", steps=5000),
}

Trial = Callable[[ModelConfig, Preprocess], Pace]
Candidate = tuple[ModelConfig, Preprocess, Pace]


def choose_model(given: Given, trial: Trial, batch_size: int, note: Note) -> Candidate:
    """The preset and the size of its input, for fresh weights."""
    named, sized = given.setting("model", "preset"), given.setting("preprocess", "img_size")

    def tried(preset: str) -> Candidate:
        model = ModelConfig(preset, given.setting("model", "options") or {})
        preprocess = fresh_preprocess(given, preset)
        return model, preprocess, trial(model, preprocess)

    kind = "you named it" if named else "small and quick to learn: convolutions first, then blocks"
    chosen, n = tried(first_preset(given)), len(given.split.train)
    while not named and (coarser := COARSER.get(chosen[0].preset)):
        epochs = given.epochs(chosen[2], batch_size)
        better = coarser.wins(epochs, epochs * n / step_size(n, batch_size))
        if not better or (sized and not fits(coarser.preset, pair(sized))):
            break
        chosen, kind = tried(coarser.preset), f"{kind}; {better}"

    model, preprocess, _ = chosen
    high, wide = preprocess.img_size
    height, width = given.check.sizes[1].tolist()
    middle = f"the middle picture is {width} x {height} pixels"
    if is_long(given):
        middle += ", and its shape is about kept"
    why = "you named it" if sized else "the preset's own" if named else middle
    note("channels", preprocess.in_chans, "all pictures are grey" if preprocess.in_chans == 1 else "there is colour")
    note("image size", f"{wide} x {high}", why)
    note("fit", preprocess.fit, "every pixel of a picture is kept, also at its edges")
    note("model", model.preset, kind)
    return chosen


def keep_model(given: Given, trial: Trial, batch_size: int, note: Note) -> Candidate:
    """The model that training begins with, and pictures as it knows them; another size where the person names one."""
    assert given.start is not None
    preset, options = kept_options(given.start)
    if given.setting("model", "preset") not in (None, preset):
        raise InputError(f'the model it begins with is "{preset}"', where="--model", mend="leave out --model or --from")
    model = ModelConfig(preset, {**options, **(given.setting("model", "options") or {})})
    preprocess, sized = fitted_preprocess(given.start, given.check), given.setting("preprocess", "img_size")
    if sized:
        preprocess = preprocess.with_size(pair(sized))
    note("model", preset, "the one it begins with")
    size = f"{preprocess.img_size[1]} x {preprocess.img_size[0]}"
    note("image size", size, "you named it" if sized else "that of the model it begins with")
    return model, preprocess, trial(model, preprocess)


def first_preset(given: Given) -> str:
    """The preset that is tried first for fresh weights: the one that was named, else the finest for the pictures."""
    if named := given.setting("model", "preset"):
        return named
    if sized := given.setting("preprocess", "img_size"):
        return finest(pair(sized))
    height, width = given.check.sizes[1].tolist()
    return finest(pair(small_size(math.sqrt(height * width) if is_long(given) else min(height, width))))


def first_preprocess(given: Given) -> Preprocess:
    """Pictures as the model that is tried first sees them. Raises InputError where that is one of text."""
    if given.start is None:
        return fresh_preprocess(given, first_preset(given))
    return fitted_preprocess(given.start, given.check)


def fresh_preprocess(given: Given, preset: str) -> Preprocess:
    """Pictures as a fresh model of this preset learns to see them: of the size that was named, else of the preset's
    own; long ones keep about their shape, unless the preset was named too."""
    check, sized, size = given.check, given.setting("preprocess", "img_size"), stated_size(preset)
    if sized:
        size = pair(sized)
    elif is_long(given) and not given.setting("model", "preset"):
        size = long_size(preset, *check.sizes[1].tolist())
    return Preprocess(size, check.channels, check.mean, check.std, fit="squash", white=check.white)


def stated_size(preset: str) -> tuple[int, int]:
    """The height and width of the pictures that a preset is made for. Raises InputError where it is one of text."""
    config: Any = preset_config(preset)[1]
    if not hasattr(config, "size"):
        raise InputError(f'"{preset}" is a model of text', mend="leave out --model, or name one of pictures")
    return config.size


def is_long(given: Given) -> bool:
    """Whether the middle picture is small and far from square: in a square of its short side little of it is left."""
    short, long = sorted(given.check.sizes[1].tolist())
    return short <= PHOTO and long > LONG * short


def long_size(preset: str, height: int, width: int) -> tuple[int, int]:
    """(H, W) in about the shape of a picture (height, width), with as many patches as the preset is made for."""
    config: Any = preset_config(preset)[1]
    patch, patches = config.patch_size, math.prod(stated_size(preset)) // config.patch_size**2
    short = max(1, round(math.sqrt(patches * min(height / width, width / height))))
    sides = patch * short, patch * (patches // short)
    return sides if height < width else sides[::-1]


def small_size(side: float) -> int:
    """The size of `FINE` for pictures with this shorter side."""
    return max(FINE) if side > PHOTO else min(FINE, key=partial(ratio, side))


def finest(size: tuple[int, int]) -> str:
    """The preset of `FINE` for pictures of this size: of those that cut it into whole patches the nearest."""
    return FINE[min(FINE, key=lambda known: (not fits(FINE[known], size), ratio(known, min(size))))]


def fits(preset: str, size: tuple[int, int]) -> bool:
    """Whether pictures of this size are cut into whole patches, three or more each way."""
    config: Any = preset_config(preset)[1]
    return not any(side % config.patch_size or side < 3 * config.patch_size for side in size)


def ratio(one: float, other: float) -> float:
    """How far two sizes are from each other, the same whichever is larger."""
    return abs(math.log(one / other))

"""How pictures are varied while they are learned, and from how many sides they are seen when they are answered for."""

import math
from dataclasses import replace

from smalti.data.augment import AugmentConfig
from smalti.data.mixing import MixConfig
from smalti.data.preprocess import Preprocess
from smalti.data.views import Views
from smalti.recipes.choose_model import LONG, PHOTO
from smalti.recipes.given import Given, Note
from smalti.recipes.mirror import mirror_test
from smalti.recipes.remarks import varied

__all__ = ["choose_augment", "choose_mirror", "choose_mix", "choose_views"]

MIRROR_SHARE = 0.1  # of the clock, for reading the pictures that say whether mirroring harms
OFTEN, UNMIRRORED_OFTEN = 30, 8  # epochs from which on pictures are varied more, where they may be mirrored and not


def choose_mirror(given: Given, preprocess: Preprocess, note: Note) -> bool:
    """Whether pictures may be mirrored. Where the person says so, no test is paid for."""
    if flip := given.setting("augment", "flip"):
        note("mirroring", flip, "you named it")
        return flip != "none"
    if given.source.task != "classify":
        note("mirroring", "no", "left and right may matter to these targets")
        return False
    seconds = math.inf if given.budget.minutes is None else MIRROR_SHARE * given.seconds
    test = mirror_test(given.source, given.split.train, preprocess, seconds=seconds)
    note("mirroring", "no" if test.harms else "yes", str(test))
    return not test.harms


def choose_augment(given: Given, size: tuple[int, int], epochs: float, mirror: bool, note: Note) -> AugmentConfig:
    """More is varied the more often a picture is seen."""
    photo, grey = int(given.check.sizes[1].min()) > PHOTO, given.check.channels == 1
    often = epochs >= (OFTEN if mirror else UNMIRRORED_OFTEN)
    flip = "alternate" if mirror else "none"
    if photo:
        augment = AugmentConfig(crop="resized", crop_area=(0.35, 1.0), flip=flip)
    else:
        augment = AugmentConfig(crop="pad", crop_pad=max(1, min(size) // 16), flip=flip)
    turns = 16 <= min(size) >= max(size) / LONG  # pictures of 8 pixels are blurred by it, long ones lose their ends
    if often and (grey or not mirror) and not photo and turns:
        augment = replace(augment, rotate=10.0, zoom=(0.9, 1.1))
    if epochs >= 10 and given.check.channels == 3:
        augment = replace(augment, brightness=0.3, contrast=0.3, saturation=0.3)
    elif often and mirror:
        augment = replace(augment, brightness=0.3, contrast=0.3)
    augment = given.settled("augment", augment)
    note("augmentation", varied(augment), f"each picture is seen {epochs:.3g} times")
    return augment


def choose_mix(given: Given, epochs: float, mirror: bool, note: Note) -> MixConfig:
    """Cutmix and mixup, for pictures that may be mirrored and are seen often."""
    often = given.source.task == "classify" and epochs >= OFTEN and mirror
    mix = given.settled("mix", MixConfig(mixup=0.2, cutmix=1.0, prob=0.5) if often else MixConfig())
    if kinds := [kind for kind in ("cutmix", "mixup") if getattr(mix, kind)]:
        batches = f"{mix.prob:.0%} of the batches"
        note("mixing", f"{' and '.join(kinds)} for {batches}", f"each picture is seen {epochs:.3g} times")
    return mix


def choose_views(given: Given, preprocess: Preprocess, augment: AugmentConfig, mirror: bool, note: Note) -> Views:
    """The views a finished model answers for: of what it has learned, mirrors, and shifts of small ones."""
    shift = max(1, min(preprocess.img_size) // 32) if augment.crop == "pad" else 0
    views = given.settled("views", Views(mirror, shift))
    if len(views) > 1:
        kinds = ["as it is"] + ["shifted a little"] * (views.shift > 0) + ["mirrored"] * views.mirror
        note("views", len(views), f"the answers for a picture {', '.join(kinds)} are averaged when the model is used")
    return views

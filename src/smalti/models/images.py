"""What the models of pictures have in common: which pictures fit."""

from torch import Tensor

from smalti.errors import InputError

__all__ = ["check_images"]


def check_images(images: Tensor, in_chans: int, size: tuple[int, int] | None = None) -> None:
    """Raises InputError where images are not (B, C, H, W) of `in_chans` channels and of `size` (H, W) in pixels; None
    for a model that takes any."""
    expected = (in_chans, *(size or images.shape[-2:]))
    if tuple(images.shape[1:]) != expected:
        built = ", ".join(map(str, (in_chans, *(size or ("H", "W")))))
        raise InputError(f"images of shape {tuple(images.shape)} do not fit a model built for (B, {built})")

"""What the models of pictures have in common: what their configs say of pictures, and which pictures fit."""

from torch import Tensor

from smalti.configs import demand, demand_words, pair
from smalti.errors import InputError

__all__ = ["ImageConfig", "check_images"]


class ImageConfig:
    """Of the config of a model of pictures: a frozen dataclass that inherits from it names these among its fields.

    Args:
        img_size: (H, W) in pixels, or one number for a square.
        in_chans: channels C of the image.
        num_classes: outputs of the head; 0 leaves the features.
    """

    img_size: int | tuple[int, int]
    in_chans: int
    num_classes: int

    def __post_init__(self) -> None:
        demand_words(self)
        demand(min(self.size) >= 1, "img_size", self.img_size, "1 or more")
        demand(self.in_chans >= 1, "in_chans", self.in_chans, "1 or more")
        demand(self.num_classes >= 0, "num_classes", self.num_classes, "0 or more")

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the image."""
        return pair(self.img_size)


def check_images(images: Tensor, in_chans: int, size: tuple[int, int] | None = None) -> None:
    """Raises InputError where images are not (B, C, H, W) of `in_chans` channels and of `size` (H, W) in pixels; None
    for a model that takes any."""
    expected = (in_chans, *(size or images.shape[-2:]))
    if tuple(images.shape[1:]) != expected:
        built = ", ".join(map(str, (in_chans, *(size or ("H", "W")))))
        raise InputError(f"images of shape {tuple(images.shape)} do not fit a model built for (B, {built})")

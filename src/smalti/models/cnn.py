"""The small convolutional network of the teaching literature: three convolutions, two poolings, two linear layers.

The honest baseline beside the Transformer: on little data it is hard to beat.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smalti.configs import demand
from smalti.models.images import ImageConfig, check_images
from smalti.nn import LastLinear

__all__ = ["CNN", "PRESETS", "CNNConfig"]

LEAST = 4  # pixels: two poolings halve the picture


@dataclass(frozen=True)
class CNNConfig(ImageConfig):
    """What the network is made of.

    Args:
        img_size: (H, W) in pixels, 4 or more, or one number for a square.
        in_chans: channels of the image.
        num_classes: outputs; 0 leaves the features.
        widths: channels of the three 3 x 3 convolutions; a 2 x 2 max-pool follows the second and the third.
        hidden_dim: width of the first linear layer.
        drop_rate: dropout before the last layer.
    """

    img_size: int | tuple[int, int] = 48
    in_chans: int = 3
    num_classes: int = 10
    widths: tuple[int, int, int] = (32, 64, 128)
    hidden_dim: int = 512
    drop_rate: float = 0.5

    def __post_init__(self) -> None:
        demand(min(self.size) >= LEAST, "img_size", self.img_size, f"{LEAST} or more")
        super().__post_init__()
        demand(self.hidden_dim >= 1, "hidden_dim", self.hidden_dim, "1 or more")
        demand(min(self.widths) >= 1, "widths", self.widths, "three numbers of 1 or more")
        demand(0 <= self.drop_rate < 1, "drop_rate", self.drop_rate, "a share in [0, 1)")


class CNN(nn.Module):
    """conv, conv, pool, conv, pool, linear, dropout, linear; ReLU after each layer but the last.

    Where a pool follows, ReLU comes after it: the maximum is the same, and there is a quarter of it.
    """

    def __init__(self, config: CNNConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c = config.widths
        H, W = config.size
        self.features = nn.Sequential(
            nn.Conv2d(config.in_chans, a, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(a, b, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(b, c, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(c * (H // 4) * (W // 4), config.hidden_dim),
            nn.ReLU(),
        )
        self.head_drop = nn.Dropout(config.drop_rate)
        self.head = LastLinear(config.hidden_dim, config.num_classes) if config.num_classes else nn.Identity()

    @property
    def stages(self) -> list[nn.Module]:
        """The activations of the three convolutions, pooled where a pool follows."""
        return [self.features[i] for i in (1, 4, 7)]

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, num_classes)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to features (B, hidden_dim)."""
        check_images(images, self.config.in_chans, self.config.size)
        return self.features(images.clone(memory_format=torch.channels_last))  # convolves and pools a third faster

    def forward_pooled(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to one vector each, (B, hidden_dim)."""
        return self.forward_features(images)

    def forward_head(self, x: Tensor) -> Tensor:
        """Features (B, hidden_dim) to logits (B, num_classes)."""
        return self.head(self.head_drop(x))


PRESETS = {f"cnn_small_{size}": CNNConfig(size) for size in (8, 16, 28, 32, 48, 64, 96)}

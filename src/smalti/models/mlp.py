"""The multi-layer perceptron: every pixel to every unit, no notion of what lies beside what.

The oldest baseline (Rumelhart, Hinton and Williams 1986). What a Transformer gains over it is what neighbourhood and
attention are worth.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from smalti.configs import demand
from smalti.models.images import ImageConfig, check_images
from smalti.nn import LastLinear

__all__ = ["MLP", "PRESETS", "MLPConfig"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
}


@dataclass(frozen=True)
class MLPConfig(ImageConfig):
    """What the network is made of.

    Args:
        img_size: (H, W) in pixels, or one number for a square.
        in_chans: channels of the image.
        num_classes: outputs; 0 leaves the features.
        widths: units of the hidden layers, first to last.
        act: what follows each of them.
        drop_rate: dropout behind each of them.
    """

    img_size: int | tuple[int, int] = 28
    in_chans: int = 3
    num_classes: int = 10
    widths: tuple[int, ...] = (512, 256)
    act: Literal["sigmoid", "tanh", "relu", "gelu"] = "relu"
    drop_rate: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        demand(min(self.widths, default=0) >= 1, "widths", self.widths, "one number or several, of 1 or more")
        demand(0 <= self.drop_rate < 1, "drop_rate", self.drop_rate, "a share in [0, 1)")


class MLP(nn.Module):
    """Linear layers with an activation behind each but the last.

    The last gives logits; their softmax is in the loss, not here.
    """

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        self.config = config
        H, W = config.size
        layers: list[nn.Module] = [nn.Flatten()]
        for dim, out_dim in pairwise((config.in_chans * H * W, *config.widths)):
            layers += [nn.Linear(dim, out_dim), ACTIVATIONS[config.act](), nn.Dropout(config.drop_rate)]
        self.features = nn.Sequential(*layers)
        self.head = LastLinear(config.widths[-1], config.num_classes) if config.num_classes else nn.Identity()
        self.init_weights()

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, num_classes)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to the last hidden layer (B, D)."""
        check_images(images, self.config.in_chans, self.config.size)
        return self.features(images)

    def forward_pooled(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to one vector each, (B, D)."""
        return self.forward_features(images)

    def forward_head(self, x: Tensor) -> Tensor:
        """Features (B, D) to logits (B, num_classes)."""
        return self.head(x)

    def init_weights(self) -> None:
        """Xavier-uniform (Glorot and Bengio 2010), scaled by the gain of the activation; zero biases."""
        gain = nn.init.calculate_gain("relu" if self.config.act == "gelu" else self.config.act)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, 1.0 if module is self.head else gain)
                nn.init.zeros_(module.bias)


PRESETS = {f"mlp_small_{size}": MLPConfig(size) for size in (8, 16, 28, 32, 48, 64)}

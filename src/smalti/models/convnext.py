"""ConvNeXt (arXiv:2201.03545), a convolutional baseline: torchvision's network, under its own names.

A ResNet with all that was learned from Transformers. What is exchanged is the first convolution, for other channels,
and the last layer. Weights that torchvision publishes load as they are.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from smalti.configs import demand
from smalti.models.images import ImageConfig, check_images
from smalti.nn import LastLinear

__all__ = ["PRESETS", "ConvNeXt", "ConvNeXtConfig"]

LEAST = 32  # pixels: the first convolution quarters the picture, and three more halve it


@dataclass(frozen=True)
class ConvNeXtConfig(ImageConfig):
    """Which network, for which pictures.

    Args:
        arch: torchvision's name of it.
        img_size: (H, W) in pixels, 32 or more, or one number for a square.
        in_chans: channels C of the image.
        num_classes: outputs; 0 leaves the features.
        drop_path_rate: stochastic depth of the last block; earlier ones ramp up to it from zero.
    """

    arch: Literal["convnext_tiny", "convnext_small", "convnext_base", "convnext_large"] = "convnext_tiny"
    img_size: int | tuple[int, int] = 224
    in_chans: int = 3
    num_classes: int = 1000
    drop_path_rate: float = 0.1

    def __post_init__(self) -> None:
        demand(min(self.size) >= LEAST, "img_size", self.img_size, f"{LEAST} or more")
        super().__post_init__()
        demand(0 <= self.drop_path_rate < 1, "drop_path_rate", self.drop_path_rate, "a share in [0, 1)")


class ConvNeXt(nn.Module):
    """Depthwise convolutions between MLPs, in four stages.

    `forward` gives logits (B, num_classes) for images (B, C, H, W) of any size from 32 pixels; `forward_features` the
    last map (B, D, h, w).
    """

    def __init__(self, config: ConvNeXtConfig) -> None:
        super().__init__()
        from smalti._torchvision import torchvision

        self.config = config
        net: Any = getattr(torchvision.models, config.arch)(stochastic_depth_prob=config.drop_path_rate)
        self.features, self.avgpool, self.classifier = net.features, net.avgpool, net.classifier
        stem, last = self.features[0], self.classifier[2]
        stem[0] = nn.Conv2d(config.in_chans, stem[0].out_channels, kernel_size=4, stride=4)
        self.classifier[2] = LastLinear(last.in_features, config.num_classes) if config.num_classes else nn.Identity()
        for fresh in (stem[0], self.classifier[2]):
            if not isinstance(fresh, nn.Identity):
                nn.init.trunc_normal_(fresh.weight, std=0.02)  # as torchvision does
                nn.init.zeros_(fresh.bias)

    @property
    def stages(self) -> list[nn.Module]:
        """Blocks on grids that halve."""
        return [self.features[i] for i in (1, 3, 5, 7)]  # what halves them stands between

    @property
    def head(self) -> nn.Module:
        """The last layer."""
        return self.classifier[2]

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, num_classes)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to the last map (B, D, h, w)."""
        check_images(images, self.config.in_chans)
        return self.features(images.clone(memory_format=torch.channels_last))  # as `models.cnn`

    def forward_head(self, x: Tensor) -> Tensor:
        """The last map (B, D, h, w) to logits (B, num_classes)."""
        return self.classifier(self.avgpool(x))

    def forward_pooled(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to one vector each, (B, D): the features that search and probes use."""
        return self.classifier[:2](self.avgpool(self.forward_features(images)))


PRESETS = {
    "convnext_tiny_224": ConvNeXtConfig("convnext_tiny", 224),
    "convnext_small_224": ConvNeXtConfig("convnext_small", 224),
    "convnext_base_224": ConvNeXtConfig("convnext_base", 224),
    "convnext_large_224": ConvNeXtConfig("convnext_large", 224),
}

"""ResNet (arXiv:1512.03385), a convolutional baseline: torchvision's network, under its own names.

What is exchanged is the first convolution, for other channels and for small pictures, and the last layer. Weights that
torchvision publishes load as they are.
"""

from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smalti.models.images import ImageConfig, check_images
from smalti.nn import LastLinear

__all__ = ["PRESETS", "ResNet", "ResNetConfig"]


@dataclass(frozen=True)
class ResNetConfig(ImageConfig):
    """Which network, for which pictures.

    Args:
        arch: torchvision's name of it.
        img_size: (H, W) in pixels, or one number for a square.
        in_chans: channels C of the image.
        num_classes: outputs; 0 leaves the features.
        stem: "large" halves the picture twice before the first block (7 x 7 with stride 2, then pooling); "small" keeps
            it (3 x 3 with stride 1), as the paper does for CIFAR.
    """

    arch: Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"] = "resnet18"
    img_size: int | tuple[int, int] = 224
    in_chans: int = 3
    num_classes: int = 1000
    stem: Literal["large", "small"] = "large"


class ResNet(nn.Module):
    """Convolutions with shortcuts around every two or three.

    `forward` gives logits (B, num_classes) for images (B, C, H, W) of any size; `forward_features` the last map
    (B, D, h, w).
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        from smalti._torchvision import torchvision

        self.config = config
        net: Any = getattr(torchvision.models, config.arch)()
        conv, pool = STEMS[config.stem]
        net.conv1 = nn.Conv2d(config.in_chans, net.conv1.out_channels, bias=False, **conv)
        nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")  # as torchvision does
        for name, layer in [*net.named_modules()]:
            if isinstance(layer, nn.Conv2d) and layer.stride > (1, 1) and layer.kernel_size > (1, 1):
                net.set_submodule(name, StridedConv2d.of(layer))
        self.conv1, self.bn1, self.relu = net.conv1, net.bn1, net.relu
        self.maxpool = net.maxpool if pool else nn.Identity()
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        self.avgpool = net.avgpool
        self.fc = LastLinear(net.fc.in_features, config.num_classes) if config.num_classes else nn.Identity()

    @property
    def stages(self) -> list[nn.Module]:
        """Blocks on grids that halve."""
        return [self.layer1, self.layer2, self.layer3, self.layer4]

    @property
    def head(self) -> nn.Module:
        """The last layer."""
        return self.fc

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, num_classes)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to the last map (B, D, h, w)."""
        check_images(images, self.config.in_chans)
        x = images.clone(memory_format=torch.channels_last)  # as `models.cnn`
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def forward_head(self, x: Tensor) -> Tensor:
        """The last map (B, D, h, w) to logits (B, num_classes)."""
        return self.fc(self.avgpool(x).flatten(1))

    def forward_pooled(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to one vector each, (B, D): the features that search and probes use."""
        return self.avgpool(self.forward_features(images)).flatten(1)


class StridedConv2d(nn.Conv2d):
    """A convolution that halves a map, also one of a single column: there only the middle of the kernel sees anything.

    In bf16 oneDNN leaves the gradient of the rest as the memory was (torch 2.13, docs/log.md).
    """

    @classmethod
    def of(cls, layer: nn.Conv2d) -> Self:
        """That layer with its weights; it has no bias."""
        made = cls(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            bias=False,
            device="meta",
        )
        made.weight = layer.weight
        return made

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride] - torch says input
        """Maps (B, C, H, W) to (B, D, h, w)."""
        if x.shape[-1] > 1:
            return super().forward(x)
        rows, columns = self.padding
        return F.conv2d(x, self.weight[..., int(columns), None], None, self.stride, (int(rows), 0))


STEMS: dict[str, tuple[dict[str, Any], bool]] = {  # the first convolution, and whether pooling follows
    "large": ({"kernel_size": 7, "stride": 2, "padding": 3}, True),
    "small": ({"kernel_size": 3, "stride": 1, "padding": 1}, False),
}

PRESETS = {
    "resnet18_224": ResNetConfig("resnet18", 224),
    "resnet34_224": ResNetConfig("resnet34", 224),
    "resnet50_224": ResNetConfig("resnet50", 224),
    "resnet101_224": ResNetConfig("resnet101", 224),
    "resnet152_224": ResNetConfig("resnet152", 224),
    "resnet18_32": ResNetConfig("resnet18", 32, num_classes=10, stem="small"),
    "resnet34_32": ResNetConfig("resnet34", 32, num_classes=10, stem="small"),
    "resnet50_32": ResNetConfig("resnet50", 32, num_classes=10, stem="small"),
}

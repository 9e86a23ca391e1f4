"""From stored pictures to what a model sees, on one core: JPEG files beside Pillow with torchvision's transforms, small
pictures augmented in batches beside a DataLoader that augments them one by one."""

import io
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from interleaved import Work, apart
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import smalti._torchvision  # noqa: F401 - before torchvision
from smalti.data.augment import AugmentConfig, augment
from smalti.data.preprocess import Preprocess
from smalti.nn._allocator import keep_blocks

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILES = {  # height and width, grain, how many
    "JPEG 500 x 375 to 224": (375, 500, 6.0, 8),
    "JPEG 12 MP of 1.6 MiB to 224": (3000, 4000, 4.5, 1),
    "JPEG 12 MP of 2.1 MiB to 224": (3000, 4000, 6.0, 1),
}
PICTURES = 2048
AUGMENTATIONS = {
    "crop and flip": AugmentConfig(crop="pad", crop_pad=4, flip="random"),
    "turn, zoom, flip and colour": AugmentConfig(
        flip="random", rotate=10.0, zoom=(0.9, 1.1), brightness=0.3, contrast=0.3, saturation=0.3
    ),
}


def measure(rounds: int) -> Iterator[dict]:
    """A row a task and contender."""
    for title, about in FILES.items():
        contenders = {"Pillow + torchvision transforms": partial(reading, *about), "smalti": partial(ours, *about)}
        answers = [make()() for make in contenders.values()]
        off = (answers[0] - answers[1]).abs().mean().item()
        for row in apart(contenders, items=about[-1], rounds=rounds):
            note = (
                {"note": f"{off:.3f} standard deviations from Pillow's on average"} if row["name"] == "smalti" else {}
            )
            yield {"work": title, **row, **note}
    for title in AUGMENTATIONS:
        contenders = {"DataLoader + Pillow": partial(loading, title), "smalti": partial(augmenting, title)}
        for row in apart(contenders, items=PICTURES, rounds=rounds):
            yield {"work": f"augmentation at 32 px: {title}", **row}


def photo(height: int, width: int, seed: int, grain: float = 6.0) -> bytes:
    """A JPEG with the detail of a photograph: smooth fields, edges, grain (deviation, of 255)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    angles = rng.uniform(0, 40, (3, 2))
    waves = 127 + 80 * np.stack([np.sin(a * x + b * y) for a, b in angles], -1)
    waves[(x * 9).astype(int) % 2 == (y * 7).astype(int) % 2] *= 0.7
    pixels = (waves + rng.normal(0, grain, waves.shape)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def photos(height: int, width: int, grain: float, count: int) -> list[bytes]:
    return [photo(height, width, seed, grain) for seed in range(count)]


def reading(height: int, width: int, grain: float, count: int) -> Callable[[], Tensor]:
    from torchvision import transforms

    torch.set_num_threads(1)
    files = photos(height, width, grain, count)
    steps = transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    )
    return lambda: torch.stack([steps(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])


def ours(height: int, width: int, grain: float, count: int) -> Callable[[], Tensor]:
    torch.set_num_threads(1)
    keep_blocks()  # as every run and every ready model does
    files = photos(height, width, grain, count)
    rule = Preprocess((224, 224), 3, MEAN, STD, fit="crop", interpolation="bilinear", crop_pct=0.875)
    return lambda: rule(files)


def loading(title: str) -> Work:
    from torchvision import transforms as t

    torch.set_num_threads(1)
    flip, end = t.RandomHorizontalFlip(), [t.ToTensor(), t.Normalize(MEAN, STD)]
    parts = {
        "crop and flip": [t.RandomCrop(32, padding=4), flip],
        "turn, zoom, flip and colour": [t.RandomAffine(10, scale=(0.9, 1.1)), flip, t.ColorJitter(0.3, 0.3, 0.3)],
    }
    loader = DataLoader(Stored(pictures(), t.Compose([*parts[title], *end])), batch_size=128)
    return lambda: [batch for batch in loader]  # noqa: C416


class Stored(Dataset):
    """Pictures in memory as Pillow has them."""

    def __init__(self, images: Tensor, transform: Callable[[Image.Image], Tensor]) -> None:
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor:
        return self.transform(self.images[i])


def augmenting(title: str) -> Work:
    torch.set_num_threads(1)
    keep_blocks()
    config, rule, images = AUGMENTATIONS[title], Preprocess((32, 32), 3, MEAN, STD), pictures()
    batches = torch.arange(len(images)).split(128)

    def work() -> list[Tensor]:
        views = (
            augment(images.index_select(0, ids), ids, config=config, out_size=(32, 32), seed=0, epoch=0)
            for ids in batches
        )
        return [rule.normalize(view) for view in views]

    return work


def pictures() -> Tensor:
    return torch.randint(0, 256, (PICTURES, 3, 32, 32), dtype=torch.uint8)

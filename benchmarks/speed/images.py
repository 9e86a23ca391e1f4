"""From stored pictures to what a model sees, on one core: JPEG files beside Pillow with torchvision's transforms, small
pictures augmented in batches beside a DataLoader that augments them one by one."""

import io
from collections.abc import Iterator

import numpy as np
import torch
from interleaved import Work, interleaved
from PIL import Image
from torch.utils.data import DataLoader, Dataset

import smalti._torchvision  # noqa: F401 - before torchvision
from smalti.data.augment import AugmentConfig, augment
from smalti.data.preprocess import Preprocess
from smalti.nn._allocator import keep_blocks

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def measure(rounds: int) -> Iterator[dict]:
    """A row a task and contender."""
    keep_blocks()  # as a run does; it serves every contender of the process
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for title, size, count in (("JPEG 500 x 375 to 224", (375, 500), 8), ("JPEG 12 MP to 224", (3000, 4000), 1)):
        files = [photo(*size, seed) for seed in range(count)]
        rule = Preprocess((224, 224), 3, MEAN, STD, fit="crop", interpolation="bilinear", crop_pct=0.875)
        contenders = {
            "Pillow + torchvision transforms": reference(files),
            "smalti": lambda files=files, rule=rule: rule(files),
        }
        found = interleaved(contenders, items=count, rounds=rounds)
        answers = [work() for work in contenders.values()]
        off = (answers[0] - answers[1]).abs().mean().item()  # type: ignore[operator]
        for row in found:
            extra = (
                {"note": f"{off:.3f} standard deviations from Pillow's on average"} if row["name"] == "smalti" else {}
            )
            yield {"work": title, **row, **extra}
    for title, config, transform in augmentations():
        images = torch.randint(0, 256, (2048, 3, 32, 32), dtype=torch.uint8)
        contenders = {
            "DataLoader + Pillow": loading(images, transform),
            "smalti": augmenting(images, config),
        }
        for row in interleaved(contenders, items=len(images), rounds=rounds):
            yield {"work": f"augmentation at 32 px: {title}", **row}
    torch.set_num_threads(threads)


def photo(height: int, width: int, seed: int) -> bytes:
    """A JPEG with the detail of a photograph: smooth fields, edges, grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    angles = rng.uniform(0, 40, (3, 2))
    waves = 127 + 80 * np.stack([np.sin(a * x + b * y) for a, b in angles], -1)
    waves[(x * 9).astype(int) % 2 == (y * 7).astype(int) % 2] *= 0.7
    pixels = (waves + rng.normal(0, 6, waves.shape)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def reference(files: list[bytes]) -> Work:
    from torchvision import transforms

    steps = transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    )
    return lambda: torch.stack([steps(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])


def augmentations() -> Iterator[tuple[str, AugmentConfig, object]]:
    from torchvision import transforms

    end = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    flip = transforms.RandomHorizontalFlip()
    crop = transforms.Compose([transforms.RandomCrop(32, padding=4), flip, *end])
    yield "crop and flip", AugmentConfig(crop="pad", crop_pad=4, flip="random"), crop
    affine = transforms.Compose(
        [transforms.RandomAffine(10, scale=(0.9, 1.1)), flip, transforms.ColorJitter(0.3, 0.3, 0.3), *end]
    )
    config = AugmentConfig(flip="random", rotate=10.0, zoom=(0.9, 1.1), brightness=0.3, contrast=0.3, saturation=0.3)
    yield "turn, zoom, flip and colour", config, affine


class Stored(Dataset):
    """Pictures in memory as Pillow has them."""

    def __init__(self, images: torch.Tensor, transform: object) -> None:
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.transform(self.images[i])  # type: ignore[operator]


def loading(images: torch.Tensor, transform: object) -> Work:
    loader = DataLoader(Stored(images, transform), batch_size=128)
    return lambda: [batch for batch in loader]  # noqa: C416


def augmenting(images: torch.Tensor, config: AugmentConfig) -> Work:
    rule = Preprocess((32, 32), 3, MEAN, STD)
    batches = [np.arange(start, start + 128) for start in range(0, len(images), 128)]

    def work() -> list[torch.Tensor]:
        return [
            rule.normalize(augment(images[ids], ids, config=config, out_size=(32, 32), seed=0, epoch=0))
            for ids in batches
        ]

    return work

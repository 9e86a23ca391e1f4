"""A source of small pictures that are held ready, and counts what is read of them."""

import io

import numpy as np
from PIL import Image

from smalti.data.preprocess import Preprocess
from smalti.data.source import UNASSIGNED, Source

RULE = Preprocess((12, 10), 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
STREAM = 0  # bytes of memory


class Memory:
    """Storage of ready-made raws that counts its reads in this process."""

    def __init__(self, raws):
        self.raws, self.reads = raws, []

    def read(self, index):
        self.reads.append(index)
        return self.raws[index]

    def fingerprint(self):
        return "memory"


def png(i):
    pixels = np.random.default_rng(i).integers(0, 256, (14 + i % 5, 16 + i % 3, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def source(n=37, raws=None, task="classify", targets=None):
    raws = raws or [png(i) for i in range(n)]
    targets = np.arange(len(raws)) % 5 if targets is None else targets
    splits = np.full(len(raws), UNASSIGNED, dtype=np.int8)
    names = [f"folder/{i:03}.png" for i in range(len(raws))]
    return Source("test", task, tuple("abcde"), names, targets, splits, Memory(raws))

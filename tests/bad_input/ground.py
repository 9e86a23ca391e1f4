"""The ground on which a person goes wrong: the folder a case plays in, and what they type."""

import errno
import io
import json
import os
import re
import shlex
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from smalti.data import Preprocess
from smalti.modelfile import ModelFile, write_model
from smalti.models import create_model

LABELS = ("cat", "dog")
TINY = shlex.split("--model cct_nano_patch2_8 --steps 2 --device cpu --set optim.lr=0.01 --out out")
ESCAPE = "\x1b[31m"
posix = pytest.mark.skipif(os.name != "posix", reason="FIFOs, sockets and locks of POSIX")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # what must not reach a terminal


def picture(seed: int, size: tuple[int, int] = (8, 8), mode: str = "RGB", form: str = "PNG") -> bytes:
    """A small picture of noise, another for every seed."""
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8), mode).save(buffer, form)
    return buffer.getvalue()


def big_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be enormous."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


class Ground:
    """The folder a case plays in: the current one. `finished` is a run that was trained once, to be copied."""

    def __init__(self, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.finished, self.patch = finished, monkeypatch

    def write(self, path: str | bytes, content: bytes | str) -> Path:
        """A file with the folders above it."""
        file = Path(os.fsdecode(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def classes(self, root: str = "d", n: int = 8, seed: int = 0, labels: tuple[str, ...] = LABELS) -> str:
        """Class folders of `n` pictures each."""
        for number, label in enumerate(labels):
            for i in range(n):
                self.write(f"{root}/{label}/{i}.png", picture(seed + 1000 * number + i))
        return root

    def zip(self, path: str = "d.zip", extra: dict[str, bytes] | None = None) -> str:
        """Class folders in a zip."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, label in enumerate(LABELS):
                for i in range(8):
                    archive.writestr(f"{label}/{i}.png", picture(1000 * number + i))
            for name, content in (extra or {}).items():
                archive.writestr(name, content)
        return path

    def tar(self, path: str = "d.tar", mode: str = "w", extra: tuple[tarfile.TarInfo, ...] = ()) -> str:
        """Class folders in a tar."""
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            for number, label in enumerate(LABELS):
                for i in range(8):
                    info, content = tarfile.TarInfo(f"{label}/{i}.png"), picture(1000 * number + i)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
            for info in extra:
                archive.addfile(info, io.BytesIO(b"\0" * info.size))
        return path

    def manifest(self, text: str, path: str = "d/manifest.csv", n: int = 8) -> str:
        """A manifest beside pictures 0.png, 1.png, ..."""
        for i in range(n):
            self.write(f"d/{i}.png", picture(i))
        self.write(path, text)
        return "d"

    def model(self, path: str = "m.safetensors", **fields: Any) -> str:
        """A model file of an untrained network."""
        torch.manual_seed(0)
        module = create_model("vit_nano_patch2_8", num_classes=2, depth=1, embed_dim=16, num_heads=2)
        rule = Preprocess((8, 8), 3, (0.5,) * 3, (0.25,) * 3)
        given = {"family": "vit", "module": module, "task": "classify", "labels": LABELS, "processor": rule}
        write_model(path, ModelFile(**(given | fields)))
        return path

    def edited_model(self, edit: Callable[[dict[str, Any]], Any], path: str = "m.safetensors") -> str:
        """A model file whose metadata was changed by hand, everything else right."""
        content = Path(self.model(path)).read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        about = json.loads(header["__metadata__"]["smalti"])
        edit(about)
        header["__metadata__"]["smalti"] = json.dumps(about)
        text = json.dumps(header).encode()
        Path(path).write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
        return path

    def damage(self, path: str, at: float = 0.5, mask: int = 0x10) -> str:
        """Flips a bit at a share of the length."""
        content = bytearray(Path(path).read_bytes())
        content[min(int(at * len(content)), len(content) - 1)] ^= mask
        Path(path).write_bytes(content)
        return path

    def cut(self, path: str, share: float = 0.6) -> str:
        """Keeps the first part of a file."""
        content = Path(path).read_bytes()
        Path(path).write_bytes(content[: int(share * len(content))])
        return path

    def run(self, path: str = "r", *, finished: bool = False) -> str:
        """A copy of a run folder with its data beside it, where the run left it; not `finished`: without its model."""
        shutil.copytree(self.finished, path)
        if not finished:
            Path(path, "model.safetensors").unlink()
        return path

    def settings(self, edit: Callable[[str], str], path: str = "r") -> str:
        """A run folder whose run.toml was changed by hand."""
        file = Path(self.run(path), "run.toml")
        file.write_text(edit(file.read_text()))
        return path

    def deny(self, name: str, target: str = "os.open") -> None:
        """Takes the right to open files whose path ends in `name`, as root has none to lose."""
        module, function = target.rsplit(".", 1)
        real = getattr({"os": os, "io": io}[module], function)

        def opened(path: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(path, int) and os.fspath(path).endswith(name):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return real(path, *args, **kwargs)

        self.patch.setattr(target, opened)


def train(data: str = "d", *more: str) -> list[str]:
    return ["train", data, *TINY, *more]


def setting(text: str) -> Callable[[Ground], list[str]]:
    return lambda g: train(g.classes(), "--set", text)

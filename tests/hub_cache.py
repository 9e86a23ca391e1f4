"""A hub that is not there: repositories in memory, and a cache laid out on disk as huggingface_hub lays it out."""

import fnmatch
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from smalti.models import create_model

NAME = "timm/vit_nano_patch4_32.some_training"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def timm_files(**config: Any) -> dict[str, bytes]:
    """What timm's repository of a small model holds."""
    torch.manual_seed(0)
    model = create_model("vit_nano_patch4_32", num_classes=3)
    torch.nn.init.normal_(model.head.weight, std=0.2)
    about = {
        "architecture": "vit_nano_patch4_32",
        "label_names": ["cat", "dog", "cow"],
        "pretrained_cfg": {"mean": [0.4] * 3, "std": [0.3] * 3, "interpolation": "bilinear", "crop_pct": 0.95},
    }
    return {
        "config.json": json.dumps(about | config).encode(),
        "model.safetensors": save(model.state_dict()),
        "pytorch_model.bin": b"\x80 a pickle",
        "model.py": b"raise SystemExit",
        "README.md": b"# a model",
    }


@dataclass
class Hub:
    """Repositories by name, the folder of the cache, and what was asked of the network."""

    cache: Path
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str | None, tuple[str, ...]]] = field(default_factory=list)
    error: Exception | None = None

    def folder(self, name: str) -> Path:
        return self.cache / f"models--{name.replace('/', '--')}"

    def snapshot(self, name: str) -> Path:
        return self.folder(name) / "snapshots" / COMMIT

    def keep(self, name: str, files: dict[str, bytes]) -> Path:
        """Files in the cache: blobs by their checksum, links to them in the snapshot, the commit that main is."""
        blobs, snapshot, refs = self.folder(name) / "blobs", self.snapshot(name), self.folder(name) / "refs"
        for folder in (blobs, snapshot, refs):
            folder.mkdir(parents=True, exist_ok=True)
        (refs / "main").write_text(COMMIT)
        for file, content in files.items():
            blob = blobs / hashlib.sha256(content).hexdigest()
            blob.write_bytes(content)
            if not (snapshot / file).is_symlink():
                os.symlink(os.path.relpath(blob, snapshot), snapshot / file)
        return snapshot

    def fetch(self, name: str, *, revision: str | None, allow_patterns: list[str], **_: Any) -> str:
        """As huggingface_hub fetches, from memory."""
        self.asked.append((name, revision, tuple(allow_patterns)))
        if self.error:
            raise self.error
        files = self.repositories[name]
        wanted = {file for file in files for one in allow_patterns if fnmatch.fnmatch(file, one)}
        return str(self.keep(name, {file: files[file] for file in wanted}))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An empty cache, and a hub that has one repository of timm's."""
    library = pytest.importorskip("huggingface_hub")
    made = Hub(tmp_path / "hf" / "hub", {NAME: timm_files()})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(made.cache))
    real = library.snapshot_download

    def snapshot_download(name: str, *, local_files_only: bool = False, **options: Any) -> str:
        if local_files_only:
            return real(name, local_files_only=True, **options)
        return made.fetch(name, **options)

    monkeypatch.setattr(library, "snapshot_download", snapshot_download)
    return made

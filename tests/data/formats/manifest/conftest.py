from pathlib import Path

import pytest
from tests.data.formats.manifest.writing import PICTURES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name, content in PICTURES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path

"""Whatever is damaged, an archive gives an error or what was put into it."""

from pathlib import Path

import numpy as np
import pytest
from tests.data.formats.archives.making import FILES, make_tar, make_zip

from smalti.data.formats.archives import list_archive
from smalti.errors import InputError


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_gives_an_error_or_the_content(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    make, name = (make_zip, "x.zip") if seed % 2 else (make_tar, "x.tar")
    path = make(tmp_path / name)
    raw = bytearray(path.read_bytes())
    for at in rng.integers(0, len(raw), 5):
        raw[at] = rng.integers(256)
    path.write_bytes(raw)
    try:
        tree = list_archive(path)
    except InputError:
        return
    for i in range(len(tree.paths)):
        try:
            content = tree.storage.read(i)
        except OSError:
            continue
        if name == "x.zip":  # a tar has no checksum of contents
            assert content in FILES.values()

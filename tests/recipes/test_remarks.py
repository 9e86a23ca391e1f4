"""What a run says of its data before it begins."""

from pathlib import Path

import numpy as np
from PIL import Image

from smalti.data import opening
from smalti.recipes.assemble import checked
from smalti.recipes.remarks import about_data


def pictures(folder: Path, *names: str) -> None:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / name)


def test_labels_that_were_misread_more_likely_are_told(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{i}.png" for i in range(8)))
    rows = (f'{i}.png,"{label}"' for i, label in enumerate(["a,b", "b", "c, a", "b"] * 2))
    (tmp_path / "labels.csv").write_text("\n".join(["filename,labels", *rows]))
    told = {choice.name: choice.value for choice in about_data(checked(opening.open(tmp_path), show=False))}
    assert "commas" in told["labels"]


def test_how_folders_were_read_is_told(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{name}.{i}.png" for name in ("cat", "dog") for i in range(5)))
    told = {choice.name: choice.value for choice in about_data(checked(opening.open(tmp_path), show=False))}
    assert "the classes are read from the names of the files" in told["data"]


def test_where_nothing_is_odd_nothing_is_told(tmp_path: Path) -> None:
    pictures(tmp_path, *(f"{name}/{i}.png" for name in ("cat", "dog") for i in range(5)))
    assert about_data(checked(opening.open(tmp_path), show=False)) == ()

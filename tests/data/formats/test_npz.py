"""NumPy archives by their keys."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

import smalti.data.opening as opening
from smalti.data.formats import npz
from smalti.errors import InputError

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
X = np.random.default_rng(0).integers(0, 256, (4, 3, 5)).astype(np.uint8)
Y = np.asarray([0, 1, 0, 1])


def save(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "x.npz", **arrays)
    return folder / "x.npz"


def test_an_archive_of_pictures_is_told_without_its_table_of_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path, images=X, labels=Y).rename(tmp_path / "x.bin")
    assert npz.is_npz(path)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/1.png", b"")
    opened = []
    monkeypatch.setattr(zipfile, "ZipFile", opened.append)
    assert not npz.is_npz(tmp_path / "x.zip")
    assert not opened


@pytest.mark.parametrize(
    ("keys", "splits"),
    [
        ([("train_images", "train_labels"), ("val_images", "val_labels"), ("test_images", "test_labels")], [0, 1, 2]),
        ([("x_train", "y_train"), ("x_test", "y_test")], [0, 2]),
        ([("X_train", "y_train"), ("X_valid", "y_valid")], [0, 1]),
        ([("x", "y")], [-1]),
        ([("images", "labels")], [-1]),
        ([("data", "target")], [-1]),
    ],
)
def test_keys(tmp_path: Path, keys: list[tuple[str, str]], splits: list[int]) -> None:
    source = opening.open(save(tmp_path, **{x: X + i for i, (x, _) in enumerate(keys)}, **{y: Y for _, y in keys}))
    assert source.splits.tolist() == [split for split in splits for _ in range(4)]
    for i in range(len(source)):
        assert np.array_equal(source.read(i), X[i % 4] + i // 4)


def test_compressed_and_under_another_name(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", x=X, y=Y, class_weights=np.ones(2))
    (tmp_path / "x.npz").rename(tmp_path / "data.bin")
    source = opening.open(tmp_path / "data.bin")
    assert len(source) == 4
    assert "arrays that are not used: class_weights" in source.notes


@pytest.mark.parametrize(
    ("arrays", "what"),
    [
        ({"a": X, "b": Y}, "no pictures and labels found .the keys are a, b"),
        ({"x": X}, "no labels .the keys are x"),
        ({"x_train": X, "y_train": Y, "y_test": Y}, "no images of test"),
        ({"x": X, "images": X, "y": Y}, "the keys x and images mean the same"),
        ({"x": X, "y": np.asarray([{}, 1, 2, 3], object)}, "it holds Python objects, which are never loaded"),
    ],
)
def test_keys_that_do_not_say_enough(tmp_path: Path, arrays: dict[str, np.ndarray], what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        opening.open(save(tmp_path, **arrays))
    assert caught.value.where.endswith("x.npz")
    assert caught.value.mend


@pytest.mark.parametrize("share", [0.01, 0.3, 0.95])
def test_cut_short(tmp_path: Path, share: float) -> None:
    path = save(tmp_path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=r"x.npz: cannot be read as .npz"):
        opening.open(path)


def test_any_flipped_byte_gives_the_data_or_an_error(tmp_path: Path) -> None:
    path = save(tmp_path, x=X, y=Y)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[at] ^= 0x5A
        path.write_bytes(damaged)
        try:
            source = opening.open(path)
        except InputError:
            continue
        assert np.array_equal(source.read(0), X[0])


@pytest.mark.skipif(not (SHARED / "pneumoniamnist.npz").exists(), reason="shared/data/pneumoniamnist.npz is not here")
def test_medmnist() -> None:
    source = opening.open(SHARED / "pneumoniamnist.npz")
    assert (source.task, source.labels) == ("classify", ("0", "1"))
    counts = {split: np.bincount(source.targets[source.splits == split]).tolist() for split in range(3)}
    assert counts == {0: [1214, 3494], 1: [135, 389], 2: [234, 390]}
    assert source.read(0).shape == (28, 28)

"""Standard sets by name: files that are there are used, nothing is fetched unasked, and failure is one clear line."""

import socket
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import smalti.data.opening as opening
from smalti._torchvision import torchvision
from smalti.data.formats.standard import STANDARD, data_folder, standard_name
from smalti.errors import InputError


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, another working folder, and no network."""

    def no_network(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    (tmp_path / "data").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("SMALTI_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(socket, "create_connection", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    return tmp_path / "data"


def picture(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (value, value, value)).save(path)


def raw_mnist(folder: Path) -> None:
    folder.mkdir(parents=True)
    for prefix, n in (("train", 20), ("t10k", 10)):
        labels = np.arange(n, dtype=np.uint8) % 10
        pixels = np.random.default_rng(n).integers(0, 256, (n, 28, 28)).astype(np.uint8)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(
            struct.pack(">HBB3I", 0, 8, 3, n, 28, 28) + pixels.tobytes()
        )
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, n) + labels.tobytes())


@pytest.mark.parametrize(
    ("given", "key"), [("mnist", "mnist"), ("Fashion-MNIST", "fashionmnist"), ("CIFAR_10", "cifar10"), ("x", None)]
)
def test_names(given: str, key: str | None) -> None:
    assert standard_name(given) == key


@pytest.mark.parametrize("name", STANDARD)
def test_every_name_is_a_class_of_torchvision_and_absent_here(name: str) -> None:
    assert hasattr(torchvision.datasets, STANDARD[name].dataset)
    with pytest.raises(
        InputError, match=f"{name} is not on this machine; add --download, or point at a folder"
    ) as caught:
        opening.open(name)
    assert caught.value.where == str(data_folder())


@pytest.mark.parametrize("name", ["mnist", "cifar10", "eurosat", "gtsrb"])
def test_a_download_without_a_network_is_one_clear_line(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=f"{name} could not be downloaded .*check the network"):
        opening.open(name, download=True)


def test_files_already_present_are_used_in_torchvisions_layout(root: Path) -> None:
    raw_mnist(root / "MNIST" / "raw")
    source = opening.open("mnist")
    assert np.bincount(source.splits).tolist() == [20, 0, 10]
    assert source.labels == tuple("0123456789")
    assert np.array_equal(source.read(25), np.asarray(torchvision.datasets.MNIST(root, train=False).data[5]))


def test_a_folder_or_archive_of_that_name_is_used(root: Path) -> None:
    raw_mnist(root / "kmnist")
    assert len(opening.open("kmnist")) == 30


def test_class_folders_of_eurosat(root: Path) -> None:
    for i, name in enumerate(("Forest", "River")):
        picture(root / "eurosat" / "2750" / name / "1.jpg", i)
    source = opening.open("eurosat")
    assert (source.labels, source.splits.tolist()) == (("Forest", "River"), [-1, -1])
    assert source.read(0)[:2] == b"\xff\xd8"


def test_paths_and_class_names_of_food101(root: Path) -> None:
    base = root / "food-101"
    for name in ("soup", "apple_pie"):
        for i in range(2):
            picture(base / "images" / name / f"{i}.jpg")
    (base / "meta").mkdir()
    for split, i in (("train", 0), ("test", 1)):
        (base / "meta" / f"{split}.json").write_text(f'{{"soup": ["soup/{i}"], "apple_pie": ["apple_pie/{i}"]}}')
    source = opening.open("food101")
    assert source.labels == ("apple_pie", "soup")
    assert source.splits.tolist() == [0, 0, 2, 2]
    assert all(source.labels[source.targets[i]] in name for i, name in enumerate(source.names))
    assert source.read(3)[:2] == b"\xff\xd8"


def test_gtsrb_without_class_names_takes_numbers(root: Path) -> None:
    base = root / "gtsrb"
    for label in range(2):
        picture(base / "GTSRB" / "Training" / f"{label:05}" / "1.ppm")
    picture(base / "GTSRB" / "Final_Test" / "Images" / "7.ppm")
    (base / "GT-final_test.csv").write_text("Filename;Width;Height;ClassId\n7.ppm;4;4;1\n")
    source = opening.open("gtsrb")
    assert source.labels == ("0", "1")
    assert source.splits.tolist() == [0, 0, 2]
    assert source.targets.tolist() == [0, 1, 1]


def test_what_lies_here_under_the_name_goes_first() -> None:
    picture(Path("mnist/cat/1.png"))
    picture(Path("mnist/dog/1.png"))
    assert opening.open("mnist").labels == ("cat", "dog")

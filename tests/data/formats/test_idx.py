"""IDX files written here by the definition, and MNIST itself where it is at hand."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import smalti.data.opening as opening
from smalti.data.formats.idx import parse_idx
from smalti.errors import InputError

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, CODES[array.dtype.str[1:]], array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def pictures(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 5)).astype(np.uint8)


def put(
    folder: Path, prefix: str, n: int, gz: bool = False, labels: list[int] | None = None, dash: str = "-"
) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    images, answers = pictures(n, n), np.asarray(labels or [i % 3 for i in range(n)], np.uint8)
    for kind, content in ((f"images{dash}idx3", idx(images)), (f"labels{dash}idx1", idx(answers))):
        name = f"{prefix}{kind}-ubyte"
        (folder / (f"{name}.gz" if gz else name)).write_bytes(gzip.compress(content) if gz else content)
    return images


@pytest.mark.parametrize("dtype", CODES)
@settings(max_examples=20)
@given(data=st.data())
def test_parse_is_the_inverse_of_writing(dtype: str, data: st.DataObject) -> None:
    array = data.draw(hnp.arrays(np.dtype(dtype), hnp.array_shapes(max_dims=4, max_side=4)))
    for content in (idx(array), gzip.compress(idx(array))):
        found = parse_idx(content, "x")
        assert found.dtype == array.dtype
        assert np.array_equal(found, array, equal_nan=array.dtype.kind == "f")


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("dash", ["-", "."])
@pytest.mark.parametrize("inside", ["", "MNIST/raw"])
def test_a_folder_in_the_way_of_mnist(tmp_path: Path, gz: bool, dash: str, inside: str) -> None:
    train = put(tmp_path / inside, "train-", 7, gz, dash=dash)
    test = put(tmp_path / inside, "t10k-", 4, gz, dash=dash)
    source = opening.open(tmp_path)
    assert source.labels == ("0", "1", "2")
    assert source.splits.tolist() == [0] * 7 + [2] * 4
    assert (source.names[0], source.names[7]) == ("train/00000", "test/00000")
    assert all(np.array_equal(source.read(i), [*train, *test][i]) for i in range(11))


def test_an_emnist_prefix_and_a_note(tmp_path: Path) -> None:
    put(tmp_path, "emnist-letters-train-", 30, labels=[1 + i % 26 for i in range(30)])
    put(tmp_path, "emnist-letters-test-", 5, labels=[1, 2, 3, 4, 10])
    source = opening.open(tmp_path)
    assert source.labels[:3] == ("1", "2", "3")
    assert source.labels[9] == "10"
    assert any("on their side" in note for note in source.notes)


def test_a_pair_alone_by_either_of_its_files(tmp_path: Path) -> None:
    put(tmp_path, "train-", 7)
    put(tmp_path, "t10k-", 4, gz=True)
    for name, n in (("t10k-images-idx3-ubyte.gz", 4), ("t10k-labels-idx1-ubyte.gz", 4), ("train-images-idx3-ubyte", 7)):
        assert len(opening.open(tmp_path / name)) == n
    put(tmp_path / "plain", "", 3)
    assert opening.open(tmp_path / "plain").splits.tolist() == [-1] * 3


def test_the_unpacked_file_goes_before_its_gz(tmp_path: Path) -> None:
    put(tmp_path, "train-", 3)
    for file in list(tmp_path.iterdir()):
        (tmp_path / f"{file.name}.gz").write_bytes(b"old and broken")
    assert len(opening.open(tmp_path)) == 3
    assert len(opening.open(tmp_path / "train-images-idx3-ubyte.gz")) == 3


def test_several_sets_in_one_folder(tmp_path: Path) -> None:
    put(tmp_path, "emnist-letters-train-", 3)
    put(tmp_path, "emnist-digits-train-", 3)
    with pytest.raises(InputError, match=r"2 IDX data sets in one folder .*emnist-digits, emnist-letters"):
        opening.open(tmp_path)
    assert len(opening.open(tmp_path / "emnist-digits-train-images-idx3-ubyte")) == 3


def test_a_folder_of_many_data_sets_is_not_taken_for_one(tmp_path: Path) -> None:
    put(tmp_path / "mnist", "train-", 3)
    (tmp_path / "other.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="no pictures found"):
        opening.open(tmp_path)


def test_a_file_without_its_partner(tmp_path: Path) -> None:
    put(tmp_path, "train-", 3)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    for given_ in (tmp_path, tmp_path / "train-images-idx3-ubyte"):
        with pytest.raises(InputError, match="train-images-idx3-ubyte: no labels file beside it"):
            opening.open(given_)
    (tmp_path / "train-images-idx3-ubyte").rename(tmp_path / "x.bin")
    with pytest.raises(InputError, match="an IDX file without a partner"):
        opening.open(tmp_path / "x.bin")


def test_counts_that_differ(tmp_path: Path) -> None:
    put(tmp_path, "train-", 3)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(2, np.uint8)))
    with pytest.raises(InputError, match=r"3 pictures and answers of shape .2,."):
        opening.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not an IDX file"),
        (b"\0\0", "not an IDX file"),
        (b"\0\0\x07\x01\0\0\0\1x", "not an IDX file"),
        (b"\0\0\x08\x09", "not an IDX file"),
        (b"\0\0\x08\x03\0\0\0\1", "damaged or cut short"),
        (idx(pictures(3))[:-1], "damaged or cut short .59 bytes of values, the 60"),
        (idx(pictures(3)) + b"x", "damaged or cut short .more than the 60"),
        (gzip.compress(idx(pictures(3)), mtime=0)[:-12], "damaged or cut short"),
        (b"\x1f\x8b\x08nonsense and more of it", "damaged or cut short"),
        (b"\0\0\x0e\x04" + b"\xff" * 16, "damaged or cut short"),
    ],
)
def test_damaged_files(content: bytes, what: str) -> None:
    with pytest.raises(InputError, match=f"FILE: {what}"):
        parse_idx(content, "FILE")


@pytest.mark.skipif(not (SHARED / "mnist").is_dir(), reason="shared/data/mnist is not here")
def test_mnist_is_mnist() -> None:
    source = opening.open(SHARED / "mnist")
    assert np.bincount(source.splits).tolist() == [60_000, 0, 10_000]
    assert source.labels == tuple("0123456789")
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # as published
    assert np.bincount(source.targets[source.splits == 0]).tolist() == counts
    raw = (
        b"\0\0\x08\x03" + struct.pack(">3I", 60_000, 28, 28) + b"".join(source.read(i).tobytes() for i in range(60_000))
    )
    assert hashlib.md5(raw).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"

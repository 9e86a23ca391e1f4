"""CIFAR batches written as the publishers did, and pickles that try to do more."""

import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import smalti.data.opening as opening
from smalti.data.formats.cifar import read_batch
from smalti.errors import InputError

N = 6


def rows(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (N, 3072)).astype(np.uint8)


def python2(batch: dict[str, object]) -> bytes:
    """A pickle as Python 2 wrote it: protocol 2, text and array bytes as 8-bit strings, numpy.core names."""

    def text(value: bytes) -> bytes:
        return (
            b"T" + len(value).to_bytes(4, "little") + value if len(value) > 255 else b"U" + bytes([len(value)]) + value
        )

    def item(value: object) -> bytes:
        if isinstance(value, str):
            return text(value.encode())
        if isinstance(value, int):
            return b"J" + value.to_bytes(4, "little", signed=True)
        if isinstance(value, list):
            return b"](" + b"".join(map(item, value)) + b"e"
        assert isinstance(value, np.ndarray)
        dtype = (
            b"cnumpy\ndtype\n("
            + text(b"u1")
            + item(0)
            + item(1)
            + b"tR("
            + item(3)
            + text(b"|")
            + b"NNN"
            + item(-1) * 2
            + item(0)
            + b"tb"
        )
        shape = b"(" + b"".join(map(item, value.shape)) + b"t"
        return (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + item(0) + b"t" + text(b"b") + b"tR("
            + item(1) + shape + dtype + b"\x89" + text(value.tobytes()) + b"tb"
        )  # fmt: skip

    return b"\x80\x02}(" + b"".join(item(key) + item(value) for key, value in batch.items()) + b"u."


WRITERS = {
    "python 2": python2,
    "protocol 2": lambda batch: pickle.dumps(batch, 2),
    "protocol 5": lambda batch: pickle.dumps(
        {k: (v.copy(order="F") if isinstance(v, np.ndarray) else v) for k, v in batch.items()}, 4
    ),
    "byte keys": lambda batch: pickle.dumps({key.encode(): value for key, value in batch.items()}, 2),
}


def cifar10(folder: Path, write=python2) -> dict[str, np.ndarray]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "batches.meta").write_bytes(write({"label_names": ["plane", "car", "bird"], "num_vis": 3072}))
    data = {}
    for seed, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        data[name] = rows(seed)
        (folder / name).write_bytes(
            write(
                {
                    "batch_label": name,
                    "labels": [i % 3 for i in range(N)],
                    "data": data[name],
                    "filenames": ["x.png"] * N,
                }
            )
        )
    return data


@pytest.mark.parametrize("writer", WRITERS)
def test_cifar10_folder(tmp_path: Path, writer: str) -> None:
    data = cifar10(tmp_path, WRITERS[writer])
    source = opening.open(tmp_path)
    assert source.labels == ("bird", "car", "plane")  # sorted, and mapped by name
    assert [source.labels[t] for t in source.targets[:3]] == ["plane", "car", "bird"]
    assert np.bincount(source.splits).tolist() == [5 * N, 0, N]
    stacked = np.concatenate(list(data.values()))
    for i in range(len(source)):
        assert np.array_equal(source.read(i), stacked[i].reshape(3, 32, 32).transpose(1, 2, 0))
    assert source.notes == ()


def test_cifar10_as_its_tar_and_inside_a_folder_with_the_tar(tmp_path: Path) -> None:
    data = cifar10(tmp_path / "cifar-10-batches-py")
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    for given_ in (tmp_path / "cifar-10-python.tar.gz", tmp_path):
        source = opening.open(given_)
        assert len(source) == 6 * N
        assert np.array_equal(source.read(0), data["data_batch_1"][0].reshape(3, 32, 32).transpose(1, 2, 0))


def test_cifar100_uses_the_fine_labels(tmp_path: Path) -> None:
    (tmp_path / "meta").write_bytes(python2({"fine_label_names": ["apple", "bed"], "coarse_label_names": ["fruit"]}))
    for seed, name in enumerate(("train", "test")):
        batch = {"data": rows(seed), "fine_labels": [0, 1] * (N // 2), "coarse_labels": [0] * N}
        (tmp_path / name).write_bytes(python2(batch))
    source = opening.open(tmp_path)
    assert source.labels == ("apple", "bed")
    assert source.targets.tolist() == [0, 1] * N


def test_missing_batches_are_told(tmp_path: Path) -> None:
    cifar10(tmp_path)
    (tmp_path / "data_batch_3").unlink()
    source = opening.open(tmp_path)
    assert len(source) == 5 * N
    assert "batches that are missing: data_batch_3" in source.notes


class Bomb:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("bomb", "name"),
    [
        (Bomb(os.system, "touch {}"), "posix.system"),
        (Bomb(eval, "open('{}', 'w')"), "__builtin__.eval"),
        (Bomb(np.load, "{}"), "numpy"),
        (Bomb(getattr, np, "load"), "__builtin__.getattr"),
        (Bomb(Path, "{}"), "pathlib"),
    ],
)
def test_a_batch_that_asks_for_more_is_refused_and_nothing_runs(tmp_path: Path, bomb: Bomb, name: str) -> None:
    mark = tmp_path / "ran"
    bomb.call = (
        bomb.call[0],
        tuple(a.format(mark) if isinstance(a, str) else a for a in bomb.call[1] if not callable(a)),
    )
    cifar10(tmp_path)
    try:
        content = pickle.dumps({"data": bomb}, 2)
    except TypeError:  # a module cannot be pickled
        content = b"\x80\x02c__builtin__\ngetattr\n."
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(InputError, match=rf"data_batch_1: it asks for {name}.*may do harm"):
        opening.open(tmp_path)
    assert not mark.exists()


def test_object_arrays_and_foreign_types_never_reach_numpy() -> None:
    for array in (np.asarray([object], object), np.asarray(["text"]), np.zeros(2, [("a", "u1")])):
        with pytest.raises(InputError, match="FILE: "):
            read_batch(pickle.dumps({"data": array}, 2), "FILE")
    forged = pickle.dumps({"data": np.zeros((2, 2), np.uint8)}, 2).replace(
        b"X\x02\x00\x00\x00u1", b"X\x02\x00\x00\x00O8"
    )
    with pytest.raises(InputError, match="an array that is not one of numbers"):
        read_batch(forged, "FILE")


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x80\x02}.", b"text", b"\x80\x02K\x01.", b"\x80\x02]q\x00h\x00a."])
def test_damaged_batches(tmp_path: Path, content: bytes) -> None:
    cifar10(tmp_path)
    (tmp_path / "data_batch_2").write_bytes(content)
    with pytest.raises(InputError, match="data_batch_2: ") as caught:
        opening.open(tmp_path)
    assert caught.value.mend
    cifar10(tmp_path)
    (tmp_path / "batches.meta").write_bytes(content)
    with pytest.raises(InputError, match=r"batches.meta: "):
        opening.open(tmp_path)


def test_a_false_number_of_an_object_takes_no_memory() -> None:
    with pytest.raises(InputError, match="an object is numbered 4294967295"):
        read_batch(b"\x80\x02}r\xff\xff\xff\xff.", "FILE")
    with pytest.raises(InputError, match="damaged"):
        read_batch(b"\x80\x05\x96\0\0\0\0\x10\0\0\0.", "FILE")  # a bytearray of 64 GiB


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    cifar10(tmp_path)
    for labels, what in (
        ([0] * (N - 1), "no list of one label a picture"),
        ([9] * N, "labels 0 to 9 with 3 class names"),
    ):
        (tmp_path / "data_batch_1").write_bytes(python2({"data": rows(0), "labels": labels}))
        with pytest.raises(InputError, match=what):
            opening.open(tmp_path)


@settings(max_examples=200)
@given(at=st.integers(0, 10_000), damage=st.binary(min_size=1, max_size=8))
def test_no_damage_gives_more_than_an_error(at: int, damage: bytes) -> None:
    content = bytearray(python2({"labels": [1, 2], "data": np.zeros((1, 8), np.uint8)}))
    at %= len(content)
    content[at : at + len(damage)] = damage
    try:
        found = read_batch(bytes(content), "FILE")
    except InputError:
        return
    assert all(
        isinstance(value, list | np.ndarray | str | int | bytes | float | bool | None | tuple)
        for value in found.values()
    )


def test_the_real_writer_of_this_python_is_read() -> None:
    stream = io.BytesIO()
    pickle.Pickler(stream, 3).dump({"data": rows(0), "labels": [0] * N})
    assert np.array_equal(read_batch(stream.getvalue(), "x")["data"], rows(0))

"""The members as a storage: chosen, in threads and in other processes."""

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.data.formats.archives.making import FILES, make_tar, make_zip

from smalti.data.formats.archives import Archive, list_archive


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
def test_threads_read_the_right_members(tmp_path: Path, name: str) -> None:
    files = {f"{i:03}.jpg": i.to_bytes(2, "big") * 3000 for i in range(200)}
    tree = list_archive((make_zip if name.endswith("zip") else make_tar)(tmp_path / name, files))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(tree.storage.read, [*range(200)] * 5)) == list(files.values()) * 5


def _checked(storage: Archive, expected: list[bytes]) -> None:
    for _ in range(20):
        assert [storage.read(i) for i in range(len(expected))] == expected


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_forked_and_pickled_storage_reads_the_same(tmp_path: Path, name: str) -> None:
    tree = list_archive((make_zip if name.endswith("zip") else make_tar)(tmp_path / name))
    expected = [FILES[path] for path in tree.paths]
    _checked(pickle.loads(pickle.dumps(tree.storage)), expected)
    workers = [
        multiprocessing.get_context("fork").Process(target=_checked, args=(tree.storage, expected)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    _checked(tree.storage, expected)
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    _checked(tree.storage, expected)  # a worker's end leaves the decompressed file


def test_select_and_missing(tmp_path: Path) -> None:
    tree = list_archive(make_zip(tmp_path / "x.zip"))
    chosen = tree.storage.select([4, -1, 0])
    assert (chosen.read(0), chosen.read(2)) == (FILES[tree.paths[4]], FILES[tree.paths[0]])
    with pytest.raises(FileNotFoundError):
        chosen.read(1)
    assert chosen.fingerprint() != tree.storage.fingerprint()
    assert tree.storage.fingerprint() == list_archive(tmp_path / "x.zip").storage.fingerprint()

"""WebDataset: a `.cls` beside each picture, in a folder, a tar or several."""

import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from smalti.data.opening import open as open_data
from smalti.data.source import Source
from smalti.errors import InputError

PAIRS = {"000.jpg": b"a", "000.cls": b"3\n", "000.json": b"{}", "001.jpg": b"b", "001.cls": b"10", "2.x.png": b"c"}
PAIRS["2.x.cls"] = b"3"


def shard(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def folder(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def summary(source: Source) -> list[tuple[str, str, int, bytes]]:
    return [
        (name, source.labels[target], int(split), bytes(source.read(i)))
        for i, (name, target, split) in enumerate(zip(source.names, source.targets, source.splits, strict=True))
    ]


def test_a_tar_and_a_folder_of_pairs_are_the_same(tmp_path: Path) -> None:
    expected = [("000.jpg", "3", -1, b"a"), ("001.jpg", "10", -1, b"b"), ("2.x.png", "3", -1, b"c")]
    source = open_data(shard(tmp_path / "x.tar", PAIRS))
    assert (summary(source), source.labels) == (expected, ("3", "10"))
    assert summary(open_data(folder(tmp_path / "x", PAIRS))) == expected


def test_shards_in_a_folder_are_one_set_and_their_names_say_the_split(tmp_path: Path) -> None:
    for name in ("imagenet1k-train-0000.tar", "imagenet1k-train-0001.tar", "imagenet1k-validation-00.tar"):
        shard(tmp_path / name, PAIRS)
    (tmp_path / "README.md").write_text("of pairs")
    source = open_data(tmp_path)
    assert source.splits.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    assert source.names[3] == "imagenet1k-train-0001.tar/000.jpg"
    copy = pickle.loads(pickle.dumps(source))
    assert [bytes(copy.read(i)) for i in range(9)] == [b"a", b"b", b"c"] * 3
    before = source.storage.fingerprint()
    shard(tmp_path / "imagenet1k-train-0001.tar", PAIRS | {"000.jpg": b"z"})
    assert open_data(tmp_path).storage.fingerprint() != before


def test_folders_say_the_split_too(tmp_path: Path) -> None:
    files = {f"{split}/{name}": content for split in ("train", "test") for name, content in PAIRS.items()}
    assert open_data(shard(tmp_path / "x.tar", files)).splits.tolist() == [2, 2, 2, 0, 0, 0]
    for split in ("train", "val"):
        shard(tmp_path / f"shards/{split}/0.tar", PAIRS)
    assert open_data(tmp_path / "shards").splits.tolist() == [0, 0, 0, 1, 1, 1]


def test_pictures_without_a_class_are_left_out_and_counted(tmp_path: Path) -> None:
    source = open_data(shard(tmp_path / "x.tar", PAIRS | {"4.jpg": b"d", "000.seg.png": b"e"}))
    assert len(source) == 3
    (problem,) = source.problems
    assert (problem.kind, problem.count) == ("left_out", 2)
    assert problem.cause == "2 pictures without a .cls beside: 000.seg.png, 4.jpg"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"a\nb"])
def test_what_is_no_class_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"x.tar/001.cls: not the text of a class"):
        open_data(shard(tmp_path / "x.tar", PAIRS | {"001.cls": content}))


def test_other_tars_and_other_cls_files_are_left_to_others(tmp_path: Path) -> None:
    shard(tmp_path / "tars/a.tar", {"cat/1.jpg": b"a", "dog/1.jpg": b"b"})
    with pytest.raises(InputError, match=r"no pictures found.*name one of its files as DATA: a.tar"):
        open_data(tmp_path / "tars")
    classes = folder(tmp_path / "x", {"cat/1.jpg": b"a", "dog/1.jpg": b"b", "thesis.cls": b"\\NeedsTeXFormat"})
    assert open_data(classes).labels == ("cat", "dog")
    shard(tmp_path / "cut/a.tar", PAIRS)
    (tmp_path / "cut/b.tar").write_bytes(shard(tmp_path / "cut/a.tar", PAIRS).read_bytes()[:1600])
    with pytest.raises(InputError, match=r"b.tar: the tar archive is damaged or cut short"):
        open_data(tmp_path / "cut")


def test_too_many_shards_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise OSError(24, "Too many open files")

    shard(tmp_path / "a.tar", PAIRS)
    monkeypatch.setattr("smalti.data.formats.webdataset.list_archive", refuse)
    with pytest.raises(InputError, match=r"1 tar cannot be open at once .*ulimit -n"):
        open_data(tmp_path)

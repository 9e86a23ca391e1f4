"""Manifests in every form, and every way to get a row wrong."""

import json
import math
import zipfile
from pathlib import Path

import pytest
from tests.data.formats.manifest.writing import PICTURES, put, read_all, write, zipped

import smalti.data.opening as opening
from smalti.data.formats.places import OnDisk
from smalti.errors import InputError

COMPOSED, APART = "\u00fc", "u\u0308"


@pytest.mark.parametrize("column", ["path", "file", "file_name", "filename", "image", "Path", " FILE "])
@pytest.mark.parametrize("by", ["file", "folder"])
def test_one_label_a_picture(folder: Path, column: str, by: str) -> None:
    path = write(folder, f"{column},label\nimages/1.png,dog\nimages/0.png,cat\nimages/2.png,dog\n")
    source = opening.open(path if by == "file" else folder)
    assert (source.task, source.labels) == ("classify", ("cat", "dog"))
    assert source.targets.tolist() == [1, 0, 1]
    assert list(source.names) == ["images/1.png", "images/0.png", "images/2.png"]
    assert read_all(source) == [b"picture 1", b"picture 0", b"picture 2"]
    assert source.splits.tolist() == [-1, -1, -1]
    assert source.groups is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", 'path,label\r\nimages/0.png,"a, b"\r\nimages/1.png,c\r\n'),
        ("m.csv", '\ufeffpath,label\nimages/0.png,"a, b"\n\nimages/1.png,c'),
        ("m.csv", "path;label\nimages/0.png;a, b\nimages/1.png;c\n"),
        ("m.tsv", "path\tlabel\nimages/0.png\ta, b\nimages/1.png\tc\n"),
        ("m.jsonl", '{"path": "images/0.png", "label": "a, b"}\n\n{"path": "images/1.png", "label": "c"}\n'),
        ("m.csv", "path,label\nimages\\0.png,'a'\n".replace("'a'", '"a, b"') + "images\\1.png,c\n"),
    ],
    ids=["crlf", "bom", "semicolon", "tsv", "jsonl", "backslash"],
)
def test_dialects(folder: Path, name: str, text: str) -> None:
    source = opening.open(write(folder, text, name))
    assert source.labels == ("a, b", "c")
    assert read_all(source) == [b"picture 0", b"picture 1"]


def test_a_group_or_split_that_pandas_misses_is_none(folder: Path) -> None:
    rows = [{"path": f"images/{i}.png", "label": "a", "split": math.nan, "group": math.nan} for i in range(3)]
    source = opening.open(write(folder, "\n".join(map(json.dumps, rows)), "m.jsonl"))
    assert (source.splits.tolist(), source.groups.tolist()) == ([-1] * 3, [0, 1, 2])  # type: ignore[union-attr]


def test_split_and_group_columns(folder: Path) -> None:
    source = opening.open(
        write(
            folder,
            "path,label,split,group\nimages/0.png,a,Train,p1\nimages/1.png,b,train,p2\nimages/2.png,a,valid,p1\n"
            "images/3.png,b,test,\nimages/4.png,b,,\n",
        )
    )
    assert source.splits.tolist() == [0, 0, 1, 2, -1]
    assert source.groups is not None
    assert source.groups[0] == source.groups[2]
    assert len(set(source.groups.tolist())) == 4  # rows without a group are alone


@pytest.mark.parametrize(
    ("folders", "read"),
    [
        (("train", "valid", "test"), [0, 1, 2]),
        (("x/Train/a", "x/test/b", "x/train/test"), [0, 2, 0]),
        (("train", "test", "more"), None),
        (("valid", "test", "test"), None),  # nothing to train on
        (("train", "train", "train"), None),
        (("train", "a/test", "a/test"), None),
    ],
)
def test_splits_that_stand_in_all_paths_are_read(tmp_path: Path, folders: tuple[str, ...], read) -> None:
    rows = "".join(f"{folder}/{i}.png,a\n" for i, folder in enumerate(folders))
    put(tmp_path, *(f"{folder}/{i}.png" for i, folder in enumerate(folders)), manifest=f"path,label\n{rows}")
    for data in (tmp_path, tmp_path / "manifest.csv"):
        source = opening.open(data)
        assert source.splits.tolist() == (read or [-1] * 3)
        assert any("the splits are those of the folders" in note for note in source.notes) == bool(read)
    put(tmp_path, manifest="path,label,split\n" + rows.replace("a\n", "a,train\n"))
    assert opening.open(tmp_path).splits.tolist() == [0] * 3  # said


def test_in_a_folder_pictures_in_no_row_are_counted(folder: Path) -> None:
    write(folder, "path,label\nimages/0.png,a\nimages/1.png,b\n", "metadata.csv")
    (left_out,) = opening.open(folder).problems
    assert (left_out.kind, left_out.count) == ("left_out", 4)
    assert left_out.cause == "4 pictures in no manifest: images/2.png, images/3.png, images/4.png and 1 more"


def test_absolute_paths_are_in_the_manifest_too(folder: Path) -> None:
    rows = "".join(f"{folder / name},{i % 2}\n" for i, name in enumerate(PICTURES))
    write(folder, f"path,label\n{rows}", "metadata.csv")
    assert opening.open(folder).problems == ()


def test_links_are_looked_at_for_roundabout_paths_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(OnDisk, "identity", lambda self, path: asked.append(path) or Path(self.root, path).resolve())
    rows = [f"{name},{i % 2}\n" for i, name in enumerate(PICTURES)]
    write(folder, f"path,label\n{''.join(rows)}", "metadata.csv")
    assert opening.open(folder).problems == ()
    write(folder, f"path,label\n{''.join(rows[2:])}", "metadata.csv")
    assert opening.open(folder).problems[0].count == 2
    assert asked == []
    write(folder, f"path,label\n{folder}/images/0.png,0\n{''.join(rows[2:])}", "metadata.csv")
    assert opening.open(folder).problems[0].count == 1
    assert len(asked) == 3  # that one, and the two pictures that it may be


def test_a_file_is_the_same_by_whatever_link(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(folder)
    ways = (folder, link, link / "images" / "..", f"../{folder.name}")
    rows = "".join(f"{ways[i % len(ways)]}/{name},{i % 2}\n" for i, name in enumerate(PICTURES))
    write(folder, f"path,label\n{rows}", "metadata.csv")
    for data in (folder, link):
        assert opening.open(data).problems == ()


@pytest.mark.parametrize("header", ["filename,width,class,xmin,ymin,xmax,ymax", "path,label,bbox"])
def test_a_table_of_boxes_is_refused(folder: Path, header: str) -> None:
    end = ",1" * (header.count(",") - 2)
    first, second = (f"images/{i}.png,cat,5{end}\n" for i in range(2))
    path = write(folder, f"{header}\n{first}{second}", "metadata.csv")
    assert len(opening.open(path)) == 2  # one box a picture is no harm
    write(folder, f"{header}\n{first}{second}{first}", "metadata.csv")
    for data in (path, folder):
        with pytest.raises(InputError, match=r"not a classification set: it holds boxes .* each one row"):
            opening.open(data)


def test_on_disk_any_path_is_allowed(folder: Path) -> None:
    (folder / "sub").mkdir()
    absolute = folder / "images" / "1.png"
    source = opening.open(write(folder / "sub", f"path,label\n../images/0.png,a\n{absolute},b\n"))
    assert read_all(source) == [b"picture 0", b"picture 1"]


def test_paths_are_found_in_both_spellings_of_an_umlaut(tmp_path: Path) -> None:
    for name in ("a.png", f"{COMPOSED}.png", f"{APART}.png"):
        (tmp_path / f"M{APART}nze").mkdir(exist_ok=True)
        (tmp_path / f"M{APART}nze" / name).write_bytes(name.encode())
    lines = [f"M{COMPOSED}nze/{name}.png,{name}" for name in ("a", COMPOSED, APART)]
    path = write(tmp_path, "\n".join(["path,label", *lines, f"{tmp_path}/M{COMPOSED}nze/a.png,a", "\u00e9/a.png,a"]))
    source = opening.open(path)
    assert source.labels == ("a", COMPOSED)
    expected = ["a.png", f"{COMPOSED}.png", f"{APART}.png", "a.png"]
    assert [source.read(i).decode() for i in range(4)] == expected
    with pytest.raises(OSError, match="No such file"):
        source.read(4)
    assert opening.open(tmp_path).problems == ()


def test_a_file_of_the_same_name_in_the_other_spelling_is_another_one(tmp_path: Path) -> None:
    for name in (COMPOSED, APART):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    write(tmp_path, f"path,label\n{COMPOSED}.png,a\n")
    (left_out,) = opening.open(tmp_path).problems
    assert left_out.cause == f"1 picture in no manifest: {APART}.png"


def test_an_archives_paths_are_found_in_both_spellings_of_an_umlaut(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("manifest.csv", f"path,labels\n{COMPOSED}.png,{COMPOSED}|{APART}\n")
        archive.writestr(f"{APART}.png", b"x")
    source = opening.open(tmp_path / "x.zip")
    assert (source.read(0), source.labels, source.problems) == (b"x", (COMPOSED,), ())


@pytest.mark.parametrize("prefix", ["", "wrapper/"])
def test_inside_an_archive(tmp_path: Path, prefix: str) -> None:
    source = opening.open(
        zipped(tmp_path / "x.zip", "path,label\nimages/3.png,b\n./images/1.png,a\nimages/no.png,a\n", prefix)
    )
    assert [source.read(0), source.read(1)] == [b"picture 3", b"picture 1"]
    with pytest.raises(FileNotFoundError):
        source.read(2)


@pytest.mark.parametrize("path", ["../images/0.png", "images/../../x.png", "C:/../../x.png", ".."])
def test_an_archives_manifest_may_not_lead_out(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match=r"x.zip/metadata.csv, line 3: the path .* leads out of the archive"):
        opening.open(zipped(tmp_path / "x.zip", f"path,label\nimages/0.png,a\n{path},b\n"))


@pytest.mark.parametrize("start", ["/kaggle/input/x/", "C:\\x\\"])
def test_absolute_paths_in_an_archive_may_have_the_names_of_its_members(tmp_path: Path, start: str) -> None:
    rows = f"{start}images/0.png,a\n{start}images/1.png,b\n"
    source = opening.open(zipped(tmp_path / "x.zip", f"path,label\n{rows}"))
    assert read_all(source) == [b"picture 0", b"picture 1"]
    source = opening.open(zipped(tmp_path / "x.zip", "path,label\nimages/0.png,a\n/etc/passwd,b\nC:/passwd,b\n"))
    for i in (1, 2):
        with pytest.raises(FileNotFoundError):
            source.read(i)


BAD_ROWS = [
    ("m.csv", "path,target\nimages/0.png,1\nimages/1.png,nan\n", "line 3: target 'nan' is not a finite number"),
    ("m.csv", "path,target\nimages/0.png,inf\n", "line 2: target 'inf' is not a finite number"),
    ("m.csv", "path,target\nimages/0.png,1e39\n", "line 2: target '1e39' is not a finite number"),
    ("m.csv", "path,target\nimages/0.png,tall\n", "line 2: target 'tall' is not"),
    ("m.csv", "path,target\nimages/0.png,cat\n", "if the targets are classes, give --task classify, or call the colum"),
    ("m.csv", "path,target\nimages/0.png,1.5 kg\n", "target '1.5 kg' is not.*such as 0.53, with a point"),
    ("m.csv", 'path,target\nimages/0.png,"1,000"\n', "'1,000' is not a finite number"),
    ("m.csv", "path;target\nimages/0.png;1.000,5\n", "'1.000,5' is not a finite number"),
    ("m.csv", "path,target\nimages/0.png,\n", "line 2: target empty is not"),
    ("m.csv", "path,target\nimages/0.png\n", "line 2: target empty is not"),
    ("m.csv", "path,targets\nimages/0.png,1|2\nimages/1.png,1\n", "line 3: 1 targets where the first row has 2"),
    ("m.csv", "path,label\nimages/0.png,a\nimages/1.png, \n", "line 3: no label"),
    ("m.csv", "path,label,split\nimages/0.png,a,trian\n", "line 2: unknown split 'trian'; did you mean 'train'?"),
    ("m.csv", "path,label,split\nimages/0.png,a,qqq\n", "line 2: unknown split 'qqq'; use train, val or test"),
    ("m.csv", "path,label\n,a\n", "line 2: no file name in column path"),
    ("m.csv", "path,label\nimages/0.png,a,b,c\n", "line 2: 4 values for 2 columns"),
    ("m.csv", "path,label,label\nimages/0.png,a,b\n", "two columns are called 'label'"),
    ("m.csv", "path,label\n", "no rows"),
    ("m.csv", "path,label\nimages/0.png,\"a\nb\n", "line 2: not a table .unexpected end of data"),
    ("m.csv", "path,labels\nimages/0.png,\n", "no row has a label"),
    ("m.csv", "path,label\nimages/0.png," + "x" * 200_000 + "\n", "line 2: not a table .field larger than field limit"),
    ("m.jsonl", '{"path": "images/0.png", "label": "a"}\n{"path": \n', "line 2: not JSON"),
    ("m.jsonl", '["images/0.png"]\n', "line 1: not a JSON object"),
    ("m.jsonl", '{"path": 3, "label": "a"}\n', "line 1: no file name in column path"),
    ("m.jsonl", '{"path": "\\ud83d.png", "label": "a"}\n', "line 1: .* cannot be a file name"),
    ("m.jsonl", '{"path": "images/0.png", "label": {"a": 1}}\n', "line 1: label is"),
    ("m.jsonl", '{"path": "images/0.png", "label": "a"}\n{"path": "images/1.png"}\n', "line 2: no label"),
    ("m.jsonl", '{"path": "images/0.png", "target": true}\n', "line 1: target 'True' is not"),
    ("m.jsonl", '{"path": "images/0.png", "target": NaN}\n', "line 1: target empty is not"),
    ("m.jsonl", '{"path": "images/0.png", "label": NaN}\n', "line 1: no label; give the class of every picture"),
    ("m.jsonl", '{"path": "images/0.png", "labels": ["a", NaN]}\n', "line 1: labels is .*a list of names"),
    ("m.jsonl", "[" * 100_000 + "\n", "line 1: not JSON"),
    ("m.csv", "path,label,split\nimages/0.png,a,train\nimages/1.png,b,test\n", "class 'b' occurs only in test"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "message"), BAD_ROWS, ids=[message[:30] for _, _, message in BAD_ROWS])
def test_bad_rows_are_named_by_file_and_line(folder: Path, name: str, text: str, message: str) -> None:
    path = write(folder, text, name)
    with pytest.raises(InputError, match=message) as caught:
        opening.open(path)
    assert name in caught.value.where
    assert caught.value.mend


def test_not_utf8(folder: Path) -> None:
    (folder / "m.csv").write_bytes("path,label\nimages/0.png,höhe\n".encode("latin1"))
    with pytest.raises(InputError, match=r"not UTF-8 text .at byte 25.; save it as UTF-8"):
        opening.open(folder / "m.csv")

"""Manifests in every form, and every way to get a row wrong."""

import json
import math
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import smalti.data.opening as opening
from smalti.data.formats import manifest
from smalti.data.formats.walk import walk
from smalti.data.source import Source
from smalti.errors import InputError

PICTURES = {f"images/{i}.png": f"picture {i}".encode() for i in range(6)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name, content in PICTURES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def write(folder: Path, text: str, name: str = "manifest.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def read_all(source: Source) -> list[bytes]:
    return [source.read(i) for i in range(len(source))]


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


@pytest.mark.parametrize("column", ["class", "category", "Class"])
@pytest.mark.parametrize("task", [None, "classify"])
def test_a_label_may_be_called_a_class(folder: Path, column: str, task) -> None:
    path = write(folder, f"path,text,{column}\nimages/1.png,x,dog\nimages/0.png,y,cat\n")
    source = opening.open(path, task=task)
    assert (source.task, source.labels, source.targets.tolist()) == ("classify", ("cat", "dog"), [1, 0])


def test_what_is_called_a_label_or_target_goes_before_a_class(folder: Path) -> None:
    rows = "images/1.png,dog,animal,2.5\nimages/0.png,cat,animal,1.5\n"
    named = opening.open(write(folder, f"path,label,class,weight\n{rows}"))
    assert named.labels == ("cat", "dog")
    numbers = opening.open(write(folder, f"path,class,category,target\n{rows}"))
    assert (numbers.task, numbers.targets.tolist()) == ("regress", [[2.5], [1.5]])
    asked = opening.open(write(folder, f"path,class,category,target\n{rows}"), task="classify")
    assert asked.labels == ("cat", "dog")


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
    ("name", "text"),
    [
        ("m.csv", "path,labels\nimages/0.png,b|a\nimages/1.png,\nimages/2.png, c ; a;\n"),
        (
            "m.jsonl",
            '{"path":"images/0.png","labels":["b","a"]}\n{"path":"images/1.png","labels":[]}\n{"path":"images/2.png","labels":["c","a"]}',
        ),
    ],
)
def test_several_labels(folder: Path, name: str, text: str) -> None:
    source = opening.open(write(folder, text, name))
    assert (source.task, source.labels) == ("multilabel", ("a", "b", "c"))
    assert source.targets.dtype == np.float32
    assert source.targets.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, 1]]


@pytest.mark.parametrize(
    ("name", "text", "labels", "targets"),
    [
        ("m.csv", "path,target\nimages/0.png,1.5\nimages/1.png,-2e3\n", ("target",), [[1.5], [-2000]]),
        ("m.csv", "path,target_x,target_y\nimages/0.png,1,2\n", ("target_x", "target_y"), [[1, 2]]),
        ("m.csv", "path,targets\nimages/0.png,1|2\nimages/1.png,3|4\n", ("target_0", "target_1"), [[1, 2], [3, 4]]),
        ("m.jsonl", '{"path":"images/0.png","targets":[1,2]}', ("target_0", "target_1"), [[1, 2]]),
        ("m.jsonl", '{"path":"images/0.png","target":2.5}', ("target",), [[2.5]]),
        ("m.csv", "path;target\nimages/0.png;0,53\nimages/1.png;2.5\n", ("target",), [[0.53], [2.5]]),
        ("m.csv", 'path;targets\nimages/0.png;"1,5;-2,5"\n', ("target_0", "target_1"), [[1.5, -2.5]]),
    ],
)  # fmt: skip
def test_numbers(folder: Path, name: str, text: str, labels: tuple[str, ...], targets: list[list[float]]) -> None:
    source = opening.open(write(folder, text, name))
    assert (source.task, source.labels, source.targets.dtype) == ("regress", labels, np.float32)
    np.testing.assert_array_equal(source.targets, np.asarray(targets, np.float32))


def test_the_task_chooses_among_columns(folder: Path) -> None:
    path = write(folder, "path,label,target\nimages/0.png,7,0.5\nimages/1.png,9,0.25\n")
    with pytest.raises(
        InputError, match="more than one task, label, target; choose one with --task classify or --task regress"
    ):
        opening.open(path)
    assert opening.open(path, task="classify").labels == ("7", "9")
    assert opening.open(path, task="regress").targets.tolist() == [[0.5], [0.25]]
    only_label = write(folder, "path,label\nimages/0.png,7\nimages/1.png,9\n", "only.csv")
    assert opening.open(only_label, task="regress").targets.tolist() == [[7], [9]]
    with pytest.raises(InputError, match="no column for the task classify"):
        opening.open(write(folder, "path,target_x\nimages/0.png,7\n", "x.csv"), task="classify")


def test_in_a_folder_pictures_in_no_row_are_counted(folder: Path) -> None:
    write(folder, "path,label\nimages/0.png,a\nimages/1.png,b\n", "metadata.csv")
    (left_out,) = opening.open(folder).problems
    assert (left_out.kind, left_out.count) == ("left_out", 4)
    assert left_out.cause == "4 pictures in no manifest: images/2.png, images/3.png, images/4.png and 1 more"


def test_absolute_paths_are_in_the_manifest_too(folder: Path) -> None:
    rows = "".join(f"{folder / name},{i % 2}\n" for i, name in enumerate(PICTURES))
    write(folder, f"path,label\n{rows}", "metadata.csv")
    assert opening.open(folder).problems == ()


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


def test_columns_of_zeros_and_ones_are_labels(folder: Path) -> None:
    def told(rows: str, task=None) -> Source:
        write(folder, f"filename, Rock, paper ,split\n{rows}", "_classes.csv")
        return opening.open(folder, task=task)

    rows = "images/0.png,1,0,train\nimages/1.png,0,1.0,train\nimages/2.png, 1.0 ,0.0,test\n"
    single = told(rows)
    assert (single.task, single.labels, single.targets.tolist()) == ("classify", ("Rock", "paper"), [0, 1, 0])
    assert single.splits.tolist() == [0, 0, 2]
    several = told(f"{rows}images/3.png,1,1,train\nimages/4.png,0,0,train\n")
    assert (several.task, several.labels) == ("multilabel", ("Rock", "paper"))
    assert several.targets.tolist() == [[1, 0], [0, 1], [1, 0], [1, 1], [0, 0]]
    assert told(rows, "multilabel").targets.tolist() == [[1, 0], [0, 1], [1, 0]]
    with pytest.raises(InputError, match="no target column"):
        told(rows, "regress")
    with pytest.raises(InputError, match="no label or target column; its columns are filename, Rock, paper, split"):
        told(f"{rows}images/3.png,2,1,train\n")


def test_zeros_and_ones_in_metadata_do_not_overrule_class_folders(folder: Path) -> None:
    for name in "ab":
        (folder / name).mkdir()
        shutil.copy(folder / "images/0.png", folder / name)
    shutil.rmtree(folder / "images")
    table = write(folder, "filename,blurred,flash\na/0.png,1,0\nb/0.png,0,1\n", "metadata.csv")
    source = opening.open(folder)
    assert source.labels == ("a", "b")
    assert any("if these are the labels, call it manifest.csv" in note for note in source.notes)
    assert opening.open(table).labels == ("blurred", "flash")


def test_one_split_alone_may_have_several_ones_in_a_row(folder: Path) -> None:
    (folder / "train").mkdir()
    (folder / "test").mkdir()
    write(folder, "filename,a,b\n../images/0.png,1,0\n../images/1.png,0,1\n", "train/_classes.csv")
    write(folder, "filename,a,b\n../images/2.png,1,1\n", "test/_classes.csv")
    source = opening.open(folder)
    assert (source.task, source.targets.tolist()) == ("multilabel", [[1, 1], [1, 0], [0, 1]])


def test_a_manifest_that_lacks_a_column_is_told_beside_one_that_does_not(folder: Path) -> None:
    write(folder, "path,label\nimages/0.png,a\nimages/1.png,b\n", "train.csv")
    write(folder, "path,lable\nimages/2.png,a\n", "test.csv")
    assert opening.open(folder).notes == ("test.csv has no label or target column; its columns are path, lable",)


def test_one_manifest_a_split(folder: Path) -> None:
    write(folder, "path,label\nimages/0.png,a\nimages/1.png,b\n", "train.csv")
    write(folder, "path,label\nimages/2.png,a\n", "test.csv")
    source = opening.open(folder)
    assert dict(zip(source.names, source.splits.tolist(), strict=True)) == {
        "images/0.png": 0,
        "images/1.png": 0,
        "images/2.png": 2,
    }
    for split in ("train", "test"):
        (folder / split).mkdir()
        (folder / split / "x.png").write_bytes(split.encode())
        (folder / f"{split}.csv").unlink()
        write(folder / split, "file_name,label\nx.png,a\n", "metadata.csv")
    source = opening.open(folder)
    assert {name: (source.splits[i], source.read(i)) for i, name in enumerate(source.names)} == {
        "train/x.png": (0, b"train"), "test/x.png": (2, b"test"),
    }  # fmt: skip


def test_two_manifests_that_would_do(folder: Path) -> None:
    write(folder, "path,label\nimages/0.png,a\n", "metadata.csv")
    write(folder, "path,label\nimages/0.png,b\n", "labels.csv")
    with pytest.raises(InputError, match=r"2 manifests.*labels.csv.*metadata.csv.*name the one to use"):
        opening.open(folder)


def test_classes_csv_beside_class_folders_is_no_manifest(folder: Path) -> None:
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(b"x")
    for i in range(6):
        (folder / "images" / f"{i}.png").unlink()
    (folder / "images").rmdir()
    write(folder, "class,name\ncat,Cat\n", "classes.csv")
    write(folder, "class,name\ncat,Cat\n", "labels.csv")
    source = opening.open(folder)
    assert source.labels == ("cat", "dog")
    assert "2 files left out, not pictures: classes.csv, labels.csv" in source.notes
    assert "labels.csv has no path column; its columns are class, name" in source.notes


def test_a_manifest_without_answers_names_its_columns(folder: Path) -> None:
    write(folder, "file_name,text,group\nimages/0.png,hello,x\n", "metadata.csv")
    with pytest.raises(
        InputError,
        match=r"no classes found \(metadata.csv has no label or target column; its columns are file_name, text, group",
    ):
        opening.open(folder)
    with pytest.raises(InputError, match="no label or target column; the columns are file_name, text, group"):
        opening.open(folder / "metadata.csv")
    with pytest.raises(InputError, match=r"no path column; the columns are A, Label; the first row must name the colu"):
        opening.open(write(folder, "A,Label\n1,2\n"))


def test_missing_files_stay_to_be_reported_unless_all_are(folder: Path) -> None:
    source = opening.open(write(folder, "path,label\nimages/0.png,a\nimages/gone.png,b\n"))
    assert len(source) == 2
    with pytest.raises(OSError, match="No such file"):
        source.read(1)
    with pytest.raises(InputError, match=r"none of the 1 files named in the manifest exists .the first is gone.png."):
        opening.open(write(folder, "path,label\ngone.png,a\n"))


def put(root: Path, *paths: str, **tables: str) -> Path:
    """Pictures that hold their paths, and tables with "/" for "__" in their names."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    for name, text in tables.items():
        (root / f"{name.replace('__', '/')}.csv").write_text(text)
    return root


def zipped_tree(root: Path) -> Path:
    files = [path for path in root.rglob("*") if path.is_file()]
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as archive:
        for path in files:
            archive.write(path, path.relative_to(root))
    return root.with_suffix(".zip")


@pytest.mark.parametrize("beside", [(), ("README.txt",), ("README.txt", "LICENSE")])
@pytest.mark.parametrize("wrapper", ["set", "data/set"])
def test_a_manifest_in_the_folder_around_all_pictures(tmp_path: Path, beside: tuple[str, ...], wrapper: str) -> None:
    paths = [f"{wrapper}/cam{i}/{i}.jpg" for i in (1, 2)]
    root = put(tmp_path / "x", *paths, *beside)
    put(root / wrapper, manifest="path,label\ncam1/1.jpg,dog\ncam2/2.jpg,cat\n")
    for data in (root, zipped_tree(root)):
        source = opening.open(data)
        assert (source.labels, source.targets.tolist(), [*source.names]) == (("cat", "dog"), [1, 0], paths)


@pytest.mark.parametrize("wrapper", ["", "data/", "of/data/"])
@pytest.mark.parametrize("beside", [(), ("README.md",)])
@pytest.mark.parametrize("splits", [("train",), ("train", "test"), ("train", "validation", "test")])
def test_a_table_in_each_split(tmp_path: Path, wrapper: str, beside: tuple[str, ...], splits: tuple[str, ...]) -> None:
    put(tmp_path, *(f"{wrapper}{split}/{i}.jpg" for split in splits for i in range(2)), *beside)
    for split in splits:
        put(tmp_path / wrapper / split, metadata="file_name,label\n0.jpg,a\n1.jpg,b\n")
    source = opening.open(tmp_path)
    read = {(text.decode(), int(split)) for text, split in zip(read_all(source), source.splits, strict=True)}
    number = {"train": 0, "validation": 1, "test": 2}
    assert read == {(f"{wrapper}{split}/{i}.jpg", number[split]) for split in splits for i in range(2)}


def test_the_outermost_manifest_counts_and_others_are_named(tmp_path: Path) -> None:
    rows = "path,label\ncam1/1.jpg,dog\ncam2/2.jpg,cat\n"
    put(tmp_path, "set/cam1/1.jpg", "set/cam2/2.jpg", labels=rows.replace("cam", "set/cam"), notes="a,b\n1,2\n")
    put(tmp_path, set__labels=rows.replace("dog", "cow"), set__old=rows, set__cam1__manifest=rows)
    source = opening.open(tmp_path)
    assert source.labels == ("cat", "dog")
    said = "has the columns of a manifest, but is not read"
    assert [note.split()[0] for note in source.notes if said in note] == [
        "set/cam1/manifest.csv", "set/old.csv", "set/labels.csv",
    ]  # fmt: skip


def test_a_manifest_under_another_name_is_told_beside_class_folders(tmp_path: Path) -> None:
    source = opening.open(put(tmp_path, "cam1/1.jpg", "cam2/2.jpg", all="path,label\ncam1/1.jpg,dog\n", x="a,A\n"))
    assert source.labels == ("cam1", "cam2")
    assert any(note.startswith("all.csv has the columns of a manifest, but is not read") for note in source.notes)


@pytest.mark.parametrize(
    ("table", "text", "expected"),
    [
        ("all", "image,MEL,NV\nISIC_1,1.0,0.0\nISIC_2,0.0,1.0\n", {"in/ISIC_1.jpg": "MEL", "in/ISIC_2.JPG": "NV"}),
        ("manifest", "image,label\n/k/ISIC_1.jpg,a\nC:\\x\\ISIC_2,b\n", {"in/ISIC_1.jpg": "a", "in/ISIC_2.JPG": "b"}),
        ("Training_set", "filename,label\n1.jpg,a\n2.jpg,b\n", {"train/1.jpg": "a", "train/2.jpg": "b"}),
        ("train", "filename,label\n1,a\n2.jpg,b\n", {"train/1.jpg": "a", "train/2.jpg": "b"}),
        ("labels", "image,label\nISIC_1,a\n\u00fc,b\nno,b\n", {"in/ISIC_1.jpg": "a", "u\u0308.jpg": "b", "no": "b"}),
    ],
)  # fmt: skip
def test_pictures_are_found_by_name_where_no_path_leads_to_one(
    tmp_path: Path, table: str, text: str, expected: dict[str, str]
) -> None:
    put(tmp_path, "in/ISIC_1.jpg", "in/ISIC_2.JPG", "train/1.jpg", "train/2.jpg", "test/1.jpg", "u\u0308.jpg")
    put(tmp_path, **{table: text})
    for data in (tmp_path / f"{table}.csv", *([tmp_path] if table != "all" else [])):
        source = opening.open(data)
        labels = (source.labels[target] for target in source.targets)
        assert dict(zip(source.names, labels, strict=True)) == expected
        assert any("looked for by name" in note for note in source.notes)


@pytest.mark.parametrize(
    "rows",
    ["1.jpg,p\n", "1,p\n3.jpg,q\n", "a/3.jpg,p\nb/3.jpg,q\n", "4.jpg,p\n"],
    ids=["two pictures", "two without suffix", "two rows", "none"],
)
def test_a_name_of_two_is_no_name(tmp_path: Path, rows: str) -> None:
    put(tmp_path, "a/x/1.jpg", "b/y/1.png", "b/y/1.jpg", "c/z/3.jpg", manifest=f"path,label\n{rows}")
    for data in (tmp_path, tmp_path / "manifest.csv"):
        with pytest.raises(
            InputError, match=r"none of the \d files named in the manifest exists .the first is .*; give"
        ):
            opening.open(data)


def test_a_table_that_leads_nowhere_and_says_what_class_folders_say_is_passed_over(tmp_path: Path) -> None:
    root = put(tmp_path / "x", *(f"{split}/{c}/1.jpg" for split in ("train", "test") for c in ("cat", "dog")))
    put(root, train="path,label\nold/1.jpg,Cat\nold/2.jpg,dog\n")
    for data in (root, zipped_tree(root)):
        source = opening.open(data)
        assert (source.labels, len(source)) == (("cat", "dog"), 4)
        assert any(note.endswith("train.csv is not read: none of its pictures is there") for note in source.notes)
    put(root, train="path,label\nold/1.jpg,cat\nold/2.jpg,cow\n")
    with pytest.raises(InputError, match="none of the 2 files named in the manifest exists"):
        opening.open(root)


def test_many_names_are_looked_up_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *(f"in/{i}.jpg" for i in range(50)), labels="path,label\n" + "".join(f"{i},a\n" for i in range(50)))
    asked = []
    monkeypatch.setattr(manifest, "walk", lambda root: asked.append(root) or walk(root))
    assert len(opening.open(tmp_path / "labels.csv")) == 50
    assert len(asked) == 1


def test_on_disk_any_path_is_allowed(folder: Path) -> None:
    (folder / "sub").mkdir()
    absolute = folder / "images" / "1.png"
    source = opening.open(write(folder / "sub", f"path,label\n../images/0.png,a\n{absolute},b\n"))
    assert read_all(source) == [b"picture 0", b"picture 1"]


COMPOSED, APART = "\u00fc", "u\u0308"


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


def test_an_archives_paths_are_found_in_both_spellings_of_an_umlaut(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("manifest.csv", f"path,labels\n{COMPOSED}.png,{COMPOSED}|{APART}\n")
        archive.writestr(f"{APART}.png", b"x")
    source = opening.open(tmp_path / "x.zip")
    assert (source.read(0), source.labels, source.problems) == (b"x", (COMPOSED,), ())


def zipped(path: Path, manifest: str, prefix: str = "", name: str = "metadata.csv") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(prefix + name, manifest)
        for picture, content in PICTURES.items():
            archive.writestr(prefix + picture, content)
    return path


@pytest.mark.parametrize("prefix", ["", "wrapper/"])
def test_inside_an_archive(tmp_path: Path, prefix: str) -> None:
    source = opening.open(
        zipped(tmp_path / "x.zip", "path,label\nimages/3.png,b\n./images/1.png,a\nimages/no.png,a\n", prefix)
    )
    assert [source.read(0), source.read(1)] == [b"picture 3", b"picture 1"]
    with pytest.raises(FileNotFoundError):
        source.read(2)


@pytest.mark.parametrize("path", ["../images/0.png", "/etc/passwd", "images/../../x.png", "C:\\x.png", ".."])
def test_an_archives_manifest_may_not_lead_out(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match=r"x.zip/metadata.csv, line 3: the path .* leads out of the archive"):
        opening.open(zipped(tmp_path / "x.zip", f"path,label\nimages/0.png,a\n{path},b\n"))


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


@settings(max_examples=40)
@given(labels=st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=6))
def test_any_label_text_survives_jsonl_and_stays_safe(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("m")
    (folder / "0.png").write_bytes(b"x")
    lines = [json.dumps({"path": "0.png", "label": label}) for label in labels]
    path = write(folder, "\n".join(lines), "m.jsonl")
    if any(not label.strip() for label in labels):
        with pytest.raises(InputError, match="no label"):
            opening.open(path)
    else:
        source = opening.open(path)
        assert all(label.isprintable() for label in source.labels)
        plain = [(i, label.strip()) for i, label in enumerate(labels) if label.strip().isprintable()]
        assert [source.labels[source.targets[i]] for i, _ in plain] == [label for _, label in plain]

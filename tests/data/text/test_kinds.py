from pathlib import Path

import pytest

from smalti.data.text import text_kind

OTHERS = ("mp4", "avi", "svg", "tga", "exr", "jxl", "7z", "rar", "zst", "psd", "tfrecords", "bin", "xlsx", "pdf")


def made(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", "x", "corpus"),
        ("a.TXT", "x", "corpus"),
        ("a.md.gz", "x", "corpus"),
        ("main.cpp", "x", "corpus"),
        ("index.html", "x", "corpus"),
        ("a.png", "x", None),
        ("a.gz", "x", None),
        ("a.bin", "x", None),
        ("a.csv", "source,target\na,b\n", "pairs"),
        ("a.csv", "Target;Source;split\na;b;train\n", "pairs"),
        ("a.jsonl", '{"source": "a", "target": "b"}\n{"broken', "pairs"),
        ("a.tsv", "text\tlabel\na\tb\n", "sentences"),
        ("a.csv", "Category,Text\na,b\n", "sentences"),
        ("a.csv", "path,label\na.png,b\n", None),
        ("a.csv", "file,text,label\na.png,x,b\n", None),
        ("a.csv", "path,source,target\na.png,x,1\n", None),
        ("a.csv", "x,target\n1,2\n", None),
        ("a.csv", "", None),
        ("a.jsonl", "{broken", None),
        ("a.jsonl", f'{{"text": "{"long " * 20_000}", "label": 1}}\n', "sentences"),
    ],
)
def test_a_file_is_told_by_name_and_columns(tmp_path: Path, name: str, content: str, kind: str | None):
    assert text_kind(made(tmp_path, {name: content}) / name) == kind
    assert (text_kind(tmp_path / name) == "corpus") == (kind == "corpus")


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"a.txt": "", "b/c.txt": ""}, True),
        ({"a.txt": "", "LICENSE": ""}, True),
        ({"src/main.rs": "", "src/a.go": "", "Cargo.toml": "", "Makefile": "", "Cargo.lock": ""}, True),
        ({"cat/1.png": "", "README.md": ""}, False),
        ({"labels.csv": "", "README.md": ""}, False),
        ({"train.npz": "", "readme.txt": ""}, False),
        ({"data.zip": "", "readme.txt": ""}, False),
        ({"train-images-idx3-ubyte.gz": "", "readme.txt": ""}, False),
        ({"train-images-idx3-ubyte": "", "readme.txt": ""}, False),
        ({"data/train.parquet": "", "README.md": ""}, False),
        ({"scan.dcm": "", "README.md": ""}, False),
        ({"cat/1.cr2": "", "README.md": ""}, False),
        ({"model.safetensors": "", "README.md": ""}, False),
        *(({f"run/1.{suffix}": "", "README.md": ""}, False) for suffix in OTHERS),
        ({"49960": "", "README.md": ""}, False),
        ({".git/x.txt": "", "y": ""}, False),
        ({}, False),
    ],
)
def test_a_folder_is_text_where_no_other_data_is(tmp_path: Path, files: dict[str, str], text: bool):
    assert (text_kind(made(tmp_path, files)) == "corpus") == text


CLASSES = tuple(f"{split}/{label}/1.txt" for split in ("train", "test") for label in ("pos", "neg"))


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (CLASSES, "sentences"),
        ((*CLASSES, "set.vocab", "train/bow.feat", "train/unsup/1.txt"), "sentences"),
        ((*CLASSES, "tables/1.feat", "train/more/1.feat"), "sentences"),
        ((*CLASSES, "train/pos/1.feat"), None),
        ((*CLASSES, "train/pos/more/1.feat"), None),
        ((*CLASSES, "train/pos/more/1.txt", "test/pos/more/1.txt", "train/pos/1.feat"), None),
        ((*CLASSES, "pictures/1.jpg"), None),
        ((*CLASSES, "pictures/1.jpg", "pictures/more/1.txt"), None),
        ((*CLASSES, "cover.png"), None),
        ((*CLASSES, "train/1.jpg", "manifest.csv"), None),
        (CLASSES[:3], "corpus"),  # test lacks one
        ((*CLASSES[:3], "set.vocab"), None),
        (("pos/1.txt", "neg/1.txt"), "corpus"),
        (("train/labels/1.txt", "test/labels/1.txt", "train/images/1.jpg", "test/images/1.jpg"), None),
    ],
)
def test_the_same_folders_of_texts_in_each_split_are_classes(tmp_path: Path, files: tuple[str, ...], kind: str | None):
    assert text_kind(made(tmp_path, dict.fromkeys(files, "x"))) == kind


def test_many_texts_beside_pictures_are_no_corpus(tmp_path: Path):
    made(tmp_path, {f"{i}.txt": "" for i in range(10_001)})
    assert text_kind(tmp_path) == "corpus"
    assert text_kind(made(tmp_path, {"images/1.jpg": ""})) is None


def test_what_is_not_there_is_no_text(tmp_path: Path):
    assert text_kind(tmp_path / "none.txt") is None
    assert text_kind("mnist") is None

"""Columns of other names that a person says the meaning of."""

from pathlib import Path

import pytest
from PIL import Image
from tests.data.formats.manifest.writing import put, zipped_tree

import smalti.data.opening as opening
from smalti.data.check import check
from smalti.data.formats.columns import meant, renamed
from smalti.data.formats.table import parse
from smalti.data.text import open_pairs, open_sentences, text_kind, texts_of
from smalti.errors import InputError

HAM = "lesion_id,image_id,dx,age,label\nH0,I0,nv,50,a\nH0,I1,mel,60,b\nH1,I2,nv,70,c\n"


@pytest.fixture
def ham(tmp_path: Path) -> Path:
    return put(tmp_path / "ham", *(f"part_{i % 2}/I{i}.jpg" for i in range(3)), HAM10000_metadata=HAM)


def test_named_columns_are_read_as_what_they_mean(ham: Path) -> None:
    named = {"path": "image_id", "label": "DX", "group": "lesion_id"}
    source = opening.open(ham / "HAM10000_metadata.csv", columns=named)
    assert [*source.names] == ["part_0/I0.jpg", "part_1/I1.jpg", "part_0/I2.jpg"]
    assert (source.labels, source.targets.tolist()) == (("mel", "nv"), [1, 0, 1])
    assert source.groups is not None
    assert source.groups.tolist() == [0, 0, 1]


def test_another_reading_of_a_table_is_other_data_of_the_same_pictures(ham: Path) -> None:
    path = ham / "HAM10000_metadata.csv"
    for i, picture in enumerate(ham.rglob("*.jpg")):
        Image.new("L", (8, 8), 40 * i).save(picture)
    by_label, by_dx = (opening.open(path, columns={"label": name, "path": "image_id"}) for name in ("label", "dx"))
    assert by_label.fingerprint != by_dx.fingerprint
    found = [check(source).counts.sum(0).tolist() for source in (by_label, by_dx)]  # the second from the cache
    assert found == [[1, 1, 1], [1, 2]]


@pytest.mark.parametrize(
    ("columns", "named", "found"),
    [
        ("id,breed", {"path": "id", "label": "breed"}, "path,label"),
        ("file,label,dx", {"label": "dx"}, "file,,label"),
        ("path,image_id,label", {"path": "image_id"}, ",path,label"),
        ("image,target,diagnosis,target_x", {"label": "diagnosis"}, "image,,label,"),
        ("image,x,y,class", {"target_x": "x", "target_y": "y"}, "image,target_x,target_y,"),
        ("file,source,review,sentiment", {"text": "review", "label": "sentiment"}, ",,text,label"),
        ("en,target", {"source": "en"}, "source,target"),
        ("path,label,split,fold", {"split": "fold"}, "path,label,,split"),
        ("path,label", {"label": "label"}, "path,label"),
    ],
)
def test_what_would_say_the_same_steps_aside(columns: str, named: dict[str, str], found: str) -> None:
    assert ",".join(meant(tuple(columns.split(",")), named, "t.csv")) == found


def test_rows_have_the_new_names(tmp_path: Path) -> None:
    lines = b'{"img": "1.png", "label": 3}\n{"img": "2.png", "kind": "x"}\n'
    columns, rows = renamed(*parse(lines, "t.jsonl"), {"path": "IMG", "label": "kind"}, "t.jsonl")
    assert columns == ("path", "", "label")
    assert [*rows] == [*rows] == [(1, {"path": "1.png", "": 3}), (2, {"path": "2.png", "label": "x"})]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"label": "dxx"}, r"HAM10000_metadata.csv: no column 'dxx'; the columns are lesion_id, image_id, dx, age, "
         r"label; did you mean --column label=dx\?"),
        ({"label": ""}, "no column ''; the columns are"),
        ({"lable": "dx"}, r"--column: no column can mean 'lable'; did you mean label=dx\?"),
        ({"zzz": "dx"}, "no column can mean 'zzz'; it may be path, text, source, label"),
        ({"label": "dx", "group": "dx"}, "column dx is named for both label and group"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_one_clear_line(ham: Path, named: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        opening.open(ham / "HAM10000_metadata.csv", columns=named)


def test_in_a_folder_the_tables_with_these_columns_count(tmp_path: Path) -> None:
    root = put(tmp_path / "dogs", "a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg")
    put(root, train="id,breed\n1,pug\n2,lab\n3,pug\n", test="id\n4\n")
    assert opening.open(root).labels == ("a", "b")
    for data in (root, zipped_tree(root)):
        source = opening.open(data, columns={"path": "id", "label": "breed"})
        assert (source.labels, [*source.names]) == (("lab", "pug"), ["a/1.jpg", "a/2.jpg", "b/3.jpg"])
        assert any("test.csv is not read: no column 'breed'" in note for note in source.notes)
        with pytest.raises(InputError, match=r"no column 'bred'; .*did you mean --column label=breed"):
            opening.open(data, columns={"path": "id", "label": "bred"})


@pytest.mark.parametrize("data", ["digits", "mnist", "classes", "classes.zip", "1.jpg", "a.npz"])
def test_columns_of_what_is_no_table_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    monkeypatch.chdir(tmp_path)
    zipped_tree(put(tmp_path / "classes", "a/1.jpg", "b/2.jpg"))
    put(tmp_path, "1.jpg", "a.npz")
    with pytest.raises(InputError, match=f"{data}: --column is about a table, and none is read here; leave it out"):
        opening.open(data, columns={"label": "dx"})


def test_a_table_that_is_passed_over_is_told_where_columns_are_named(tmp_path: Path) -> None:
    root = put(tmp_path / "x", "a/1.jpg", "b/2.jpg", labels="name,kind\n1,x\n2,y\n")
    with pytest.raises(
        InputError, match=r"none is read here \(labels.csv has no path column; .*name the table as DATA"
    ):
        opening.open(root, columns={"label": "kind"})


def test_texts_have_columns_of_other_names_too(tmp_path: Path) -> None:
    path = tmp_path / "imdb.csv"
    path.write_text("review,sentiment,file\nfine,pos,1.txt\nbad,neg,2.txt\n")
    named = {"text": "review", "label": "sentiment"}
    assert (text_kind(path), text_kind(path, named)) == (None, "sentences")
    source = open_sentences(path, columns=named)
    assert (source.labels, source.targets.tolist()) == (("neg", "pos"), [1, 0])
    with pytest.raises(InputError, match="or say which is meant: --column text=NAME --column label=NAME"):
        open_sentences(path)
    path.write_text("en,de\nyes,ja\nno,nein\n")
    pairs = open_pairs(path, columns={"source": "en", "target": "de"})
    assert (texts_of(pairs.sources), pairs.targets) == (["yes", "no"], ["ja", "nein"])

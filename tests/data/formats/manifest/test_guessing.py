"""Tables as they are published, without a word on their columns."""

from pathlib import Path

import pytest
from tests.data.formats.manifest.writing import put

import smalti.data.opening as opening
from smalti.errors import InputError


def rows(header: str, n: int, row: str, *answers: str) -> str:
    return "\n".join([header, *(row.format(i=i, a=answers[i % len(answers)]) for i in range(n))]) + "\n"


@pytest.mark.parametrize(
    ("table", "task", "labels", "targets", "taken"),
    [
        (rows("id,breed", 6, "p{i},{a}", "pug", "lab"), "classify", ("lab", "pug"), [1, 0], ["path", "label"]),
        (rows("id_code,diagnosis", 6, "p{i}.png,{a}", "0", "2"), "classify", ("0", "2"), [0, 1], ["path", "label"]),
        (rows("image,ill", 6, "train/p{i}.png,{a}", "0", "1"), "classify", ("0", "1"), [0, 1], ["label"]),
        (rows("img,label", 6, "train/p{i}.png,{a}", "a", "b"), "classify", ("a", "b"), [0, 1], ["path"]),
        (rows("image_name,tags", 6, "p{i},{a}", "x|y", "y"), "multilabel", ("x", "y"), [[1, 1], [0, 1]],
         ["path", "labels"]),
        (rows("image_name,price", 6, "p{i},{a}", "0.5", "2"), "regress", ("target",), [[0.5], [2]],
         ["path", "target"]),
        (rows("image_name,at", 6, "p{i},{a}", "0.5|2", "1|3.5"), "regress", ("target_0", "target_1"),
         [[0.5, 2], [1, 3.5]], ["path", "targets"]),
        (rows("image_name;price", 6, "p{i};{a}", "0,5", "2"), "regress", ("target",), [[0.5], [2]],
         ["path", "target"]),
        (rows("id,sick,well", 6, "p{i},{a}", "1,0", "0,1"), "classify", ("sick", "well"), [0, 1], ["path"]),
        (rows("who,id,breed", 6, "dog,p{i},{a}", "pug", "lab").replace("who", "group"), "classify", ("lab", "pug"),
         [1, 0], ["path", "label"]),
    ],
)  # fmt: skip
def test_the_only_reading_of_a_named_table(tmp_path: Path, table: str, task, labels, targets, taken: list[str]) -> None:
    put(tmp_path, *(f"train/p{i}.png" for i in range(6)), all=table)
    source = opening.open(tmp_path / "all.csv")
    assert (source.task, source.labels, source.targets[:2].tolist()) == (task, labels, targets)
    assert [*source.names] == [f"train/p{i}.png" for i in range(6)]
    assert [problem.cause.split()[-1] for problem in source.problems if problem.kind == "guessed_column"] == taken


def test_lists_of_labels_are_labels(tmp_path: Path) -> None:
    put(tmp_path, "1.png", "2.png")
    (tmp_path / "x.jsonl").write_text('{"img": "1.png", "has": ["a"]}\n{"img": "2.png", "has": ["a", "b"]}\n')
    source = opening.open(tmp_path / "x.jsonl")
    assert (source.task, source.labels, source.targets.tolist()) == ("multilabel", ("a", "b"), [[1, 0], [1, 1]])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        # which of two it is, nobody but the person knows
        (rows("id,who,dx", 6, "p{i},w{i},{a}", "nv", "mel"), "no label or target column.*--column label=dx$"),
        (rows("left,right,dx", 6, "p{i}.png,../train/p{i}.png,{a}", "x", "y"), "no path column"),
        (rows("id,caption", 6, "p{i},caption {i}", ""), "no label or target column.*--column label=caption$"),
        (rows("id,of", 6, "p{i},all", ""), "no label or target column.*--column label=NAME$"),
        (rows("id,dx", 6, "q{i},{a}", "x", "y"), "no path column.*--column path=NAME"),
        (rows("dx,id", 6, "{a},p0", "x", "y"), "no path column"),  # one picture in all rows
        (rows("id,my type,n", 6, "p{i},{a},{i}", "x", "y"), "--column 'label=my type'$"),
    ],
)
def test_more_than_one_reading_is_none(tmp_path: Path, table: str, said: str) -> None:
    put(tmp_path, *(f"train/p{i}.png" for i in range(6)))
    (tmp_path / "train/all.csv").write_text(table)
    with pytest.raises(InputError, match=said):
        opening.open(tmp_path / "train/all.csv")


def test_a_first_row_that_names_a_picture_is_no_header(tmp_path: Path) -> None:
    put(tmp_path, *(f"train/p{i}.png" for i in range(6)), all=rows("train/p0.png,x", 6, "train/p{i}.png,{a}", "x", "y"))
    with pytest.raises(InputError, match=r"the first row names no columns \(it is train/p0.png, x\); write path,label"):
        opening.open(tmp_path / "all.csv")


def test_folders_that_a_column_names_are_no_pictures(tmp_path: Path) -> None:
    put(tmp_path, *(f"patient{i}/p{i}.png" for i in range(4)))
    put(tmp_path, x=rows("who,id,dx", 4, "patient{i},p{i},{a}", "x", "y"))
    source = opening.open(tmp_path / "x.csv", columns={"label": "dx"})
    assert [*source.names] == [f"patient{i}/p{i}.png" for i in range(4)]


def test_a_table_that_is_found_in_a_folder_is_not_guessed_at(tmp_path: Path) -> None:
    put(tmp_path, *(f"{c}/{c}{i}.png" for c in "ab" for i in range(2)))
    for name in ("metadata", "labels", "train"):
        put(tmp_path, **{name: "id,odd\na0,x\na1,y\nb0,x\nb1,y\n"})
    source = opening.open(tmp_path)
    assert source.labels == ("a", "b")
    assert opening.open(tmp_path / "labels.csv").labels == ("x", "y")

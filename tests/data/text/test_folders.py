from pathlib import Path

import numpy as np
import pytest

from smalti.data.text import open_sentences, split_texts, texts_of
from smalti.data.text.check import check_text
from smalti.data.text.folders import labels_by_folder
from smalti.errors import InputError


def made(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the text of {file}\n")
    return root


def test_a_text_has_the_class_of_its_folder(tmp_path: Path):
    source = open_sentences(made(tmp_path, "pos/1.txt", "neg/1.txt", "neg/2.txt", "neg/2.bin", "readme.txt"))
    assert source.labels == ("neg", "pos")
    assert list(source.names) == ["neg/1.txt", "neg/2.txt", "pos/1.txt"]
    assert source.targets.tolist() == [0, 0, 1]
    assert texts_of(source)[2] == "the text of pos/1.txt\n"


def test_folders_called_train_and_test_are_the_splits(tmp_path: Path):
    files = [f"{split}/{label}/{i}.txt" for split in ("train", "test") for label in ("pos", "neg") for i in range(9)]
    parts = split_texts(open_sentences(made(tmp_path, *files, "train/urls.txt", "notes/x.txt")))
    assert len(parts.test) == 18
    assert len(parts.train) + len(parts.val) == 18
    assert labels_by_folder(["test/a.txt", "b/c/d.txt"]) == {"test/a.txt": (-1, "test"), "b/c/d.txt": (-1, "b/c")}


def test_texts_without_a_class_and_a_folder_around_all_are_no_class(tmp_path: Path):
    files = [f"{split}/{label}/{i}.txt" for split in ("train", "test") for label in ("pos", "neg") for i in range(9)]
    made(tmp_path / "set", *files, "train/unsup/0.txt", "readme.txt")
    source = open_sentences(tmp_path)
    assert source.labels == ("neg", "pos")
    assert np.bincount(source.splits).tolist() == [18, 0, 18]
    assert ("remark", "2 files left out that are no text or of no class") in check_text(tmp_path, "classify").facts
    assert labels_by_folder(["set/a/1.txt", "set/a/2.txt"]) == {"set/a/1.txt": (-1, "a"), "set/a/2.txt": (-1, "a")}


def test_the_check_of_a_folder_names_both_tasks(tmp_path: Path):
    made(tmp_path, *(f"{label}/{i}.txt" for label in ("pos", "neg") for i in range(9)))
    learns = dict(check_text(tmp_path).facts)["learns"]
    assert learns.startswith("the next character")
    assert "--task classify for the folder that a text is in" in learns
    assert check_text(tmp_path, "classify").classes == {"neg": 9, "pos": 9}


def test_texts_beside_each_other_have_no_class(tmp_path: Path):
    made(tmp_path, *(f"{i}.txt" for i in range(9)))
    assert "--task classify" not in dict(check_text(tmp_path).facts)["learns"]
    with pytest.raises(InputError, match="no texts in folders of classes; put the texts of each class"):
        open_sentences(tmp_path)

from pathlib import Path

import numpy as np
import pytest

from smalti.data.text import open_sentences, split_texts, text_kind, texts_of
from smalti.data.text.check import check_text
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


def test_texts_without_a_class_and_a_folder_around_all_are_no_class(tmp_path: Path):
    files = [f"{split}/{label}/{i}.txt" for split in ("train", "test") for label in ("pos", "neg") for i in range(9)]
    made(tmp_path / "set", *files, "train/unsup/0.txt", "readme.txt")
    source = open_sentences(tmp_path)
    assert source.labels == ("neg", "pos")
    assert np.bincount(source.splits).tolist() == [18, 0, 18]
    assert [words for name, words in check_text(tmp_path, "classify").facts if name == "remark"] == [
        "1 text left out, of no class: set/train/unsup/",
        "1 file left out, no text or beside the classes: set/readme.txt",
    ]


@pytest.mark.parametrize("around", ["", "aclImdb/"])
def test_the_reviews_of_imdb_as_they_are_published(tmp_path: Path, around: str):
    files = [f"{split}/{label}/{i}_7.txt" for split in ("train", "test") for label in ("pos", "neg") for i in range(9)]
    beside = [f"{split}/{name}" for split in ("train", "test") for name in ("urls_pos.txt", "labeledBow.feat")]
    beside += ["README", "imdb.vocab", "imdbEr.txt", "train/unsupBow.feat", "train/urls_unsup.txt"]
    made(tmp_path, *(around + file for file in files + beside), *(f"{around}train/unsup/{i}_0.txt" for i in range(5)))
    assert text_kind(tmp_path) == "sentences"
    found = check_text(tmp_path)
    assert (found.task, found.classes) == ("classify", {"neg": 18, "pos": 18})
    assert [words for name, words in found.facts if name == "remark"] == [
        f"5 texts left out, of no class: {around}train/unsup/",
        f"9 files left out, no text or beside the classes: {around}README, {around}imdb.vocab, {around}imdbEr.txt and "
        "6 more",
    ]
    source = open_sentences(tmp_path)
    assert np.bincount(source.splits).tolist() == [18, 0, 18]
    assert check_text(tmp_path, "next-token").task == "next-token"


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


@pytest.mark.parametrize("split", ["", "train/"])
def test_what_lies_beside_the_classes_is_told_and_left_out(tmp_path: Path, split: str):
    """As beside those of pictures: tables in a folder of their own, an empty folder, what systems leave behind."""
    files = [f"{split}{label}/{i}.txt" for label in ("pos", "neg") for i in range(9)]
    files += ["test/pos/1.txt", "test/neg/1.txt"] * bool(split)
    beside = [f"{split}tables/1.parquet", f"{split}__MACOSX/pos/1.txt", f"{split}pos/.1.bin", f"{split}.cache/1.bin"]
    made(tmp_path, *files, *beside)
    (tmp_path / split / "unicorn").mkdir()
    assert text_kind(tmp_path, task="classify") == "sentences"
    assert text_kind(tmp_path) == ("sentences" if split else None)
    found = check_text(tmp_path, "classify")
    assert (found.n, set(found.classes)) == (len(files), {"neg", "pos"})
    assert [words for name, words in found.facts if name == "remark"] == [
        f"1 file left out, no text or beside the classes: {split}tables/1.parquet",
        f"2 folders beside the classes without a text: {split}tables/, {split}unicorn/",
    ]


@pytest.mark.parametrize("file", ["pos/1.wav", "pos/sounds/1.wav", "cover.png"])
def test_what_is_more_than_text_is_none_for_the_task_either(tmp_path: Path, file: str):
    assert text_kind(made(tmp_path, "pos/1.txt", "neg/1.txt", file), task="classify") is None

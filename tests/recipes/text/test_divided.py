from pathlib import Path

from smalti.data.text import open_sentences, split_texts
from smalti.recipes.text.divided import Divided
from smalti.tokenizers import Bytes


def test_what_is_left_out_is_said_beside_the_split(tmp_path: Path):
    for file in (*(f"{split}/{label}/1.txt" for split in ("train", "test") for label in "ab"), "train/unsup/1.txt"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(file)
    source = open_sentences(tmp_path)
    said = Divided(source, split_texts(source), Bytes()).reason
    assert said.startswith("train, test as the data gives them")
    assert said.endswith("; 1 text left out, of no class: train/unsup/")

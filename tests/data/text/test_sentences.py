from pathlib import Path

import pytest

from smalti.data.text import Sentences, open_sentences
from smalti.errors import InputError
from smalti.tokenizers import Bytes


def test_texts_are_cut_padded_and_have_their_class(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\nabcdef,x\nab,y\nc,x\n")
    made = Sentences(open_sentences(path), [0, 1], Bytes(), batch_size=2, max_len=4)
    (batch,) = made
    assert batch["tokens"].tolist() == [[97, 98, -1, -1], [97, 98, 99, 100]]
    assert batch["target"].tolist() == [1, 0]
    assert batch["id"].tolist() == [1, 0]
    assert made.cut == 1
    assert len(Sentences(open_sentences(path), [0, 1, 2], Bytes(), batch_size=2, max_len=4)) == 2
    with pytest.raises(InputError, match="no texts"):
        Sentences(open_sentences(path), [], Bytes(), batch_size=2, max_len=4)

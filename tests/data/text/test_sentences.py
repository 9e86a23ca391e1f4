import tracemalloc
from pathlib import Path

import pytest

from smalti.data.text import Sentences, open_sentences
from smalti.errors import InputError
from smalti.tokenizers import Bytes, Characters


def test_texts_are_cut_padded_and_have_their_class(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\nabcdef,x\nab,y\nc,x\n")
    made = Sentences(open_sentences(path), [0, 1], Bytes(), batch_size=2, max_len=4)
    (batch,) = made
    assert batch["tokens"].tolist() == [[97, 98, -1, -1], [97, 98, 99, 100]]
    assert batch["target"].tolist() == [1, 0]
    assert batch["id"].tolist() == [1, 0]
    assert made.cut == 1
    whole = Sentences(open_sentences(path), [0, 1], Bytes(), batch_size=2, max_len=None)
    assert (whole.lengths.tolist(), whole.cut) == ([6, 2], 0)
    assert len(Sentences(open_sentences(path), [0, 1, 2], Bytes(), batch_size=2, max_len=4)) == 2
    with pytest.raises(InputError, match="no texts"):
        Sentences(open_sentences(path), [], Bytes(), batch_size=2, max_len=4)


def test_texts_take_as_little_memory_as_their_ids(tmp_path: Path):
    """A byte each where the vocabulary is small, whatever is asked of them; they took up to 16."""
    path, letters = tmp_path / "t.csv", Characters("abcdefghij ", ("start", "end"))
    path.write_text(
        "text,label\n" + "".join(f"{'abcdefghij' * 2000}{'a' * (i + 1)},{'xy'[i % 2]}\n" for i in range(50))
    )
    source, known = open_sentences(path), {}
    tracemalloc.start()
    whole = Sentences(source, range(50), letters, batch_size=2, max_len=None, known=known)
    cut = Sentences(source, range(50), letters, batch_size=2, max_len=9, known=known)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = int(whole.lengths.sum()) - 2 * 50
    assert held < 1.2 * size
    assert (cut.lengths.tolist(), cut.cut) == ([9] * 50, 50)
    start, end = letters.special("start"), letters.special("end")
    (first, *_) = cut
    assert first["tokens"].tolist() == [[start, 0, 1, 2, 3, 4, 5, 6, end]] * 2
    assert next(iter(whole))["tokens"][1, -1] == end


@pytest.mark.parametrize("column", ["class", "category"])
def test_a_label_may_be_called_a_class(tmp_path: Path, column: str):
    path = tmp_path / "t.csv"
    path.write_text(f"{column},text\nx,ab\ny,cd\n")
    assert open_sentences(path).labels == ("x", "y")
    path.write_text(f"{column},text\nx,ab\n,cd\n")
    with pytest.raises(InputError, match=f"line 3: no {column}"):
        open_sentences(path)
    path.write_text(f"{column},label,text\nx,1,ab\ny,2,cd\n")
    assert open_sentences(path).labels == ("1", "2")
    path.write_text("text,answer\nx,ab\n")
    with pytest.raises(InputError, match="no column label"):
        open_sentences(path)

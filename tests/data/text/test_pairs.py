from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.data.text import Pairs, open_pairs
from smalti.errors import InputError
from smalti.tokenizers import Characters

LETTERS = Characters("abcd", ("start", "end"))
START, END = 4, 5


@pytest.fixture
def pairs(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("source,target\nabc,d\nb,cc\ncd,abcd\n")
    return open_pairs(path)


def test_a_batch_shows_the_start_and_wants_the_end(pairs):
    (batch,) = Pairs(pairs, [2, 0], LETTERS, batch_size=4)
    assert batch["id"].tolist() == [0, 2]  # from short to long
    assert batch["source"].tolist() == [[0, 1, 2], [2, 3, -1]]
    assert batch["tokens"].tolist() == [[START, 3, -1, -1, -1], [START, 0, 1, 2, 3]]
    assert batch["target"].tolist() == [[3, END, -1, -1, -1], [0, 1, 2, 3, END]]
    assert all(tensor.dtype == torch.int64 for tensor in batch.values())


def test_a_text_is_encoded_once(pairs):
    known = {}
    one, other = (Pairs(pairs, [0, 2], LETTERS, batch_size=1, known=known) for _ in range(2))
    assert set(known) == {"abc", "d", "cd", "abcd"}
    assert all(a is b for a, b in zip(one.sources, other.sources, strict=True))
    assert all(ids.dtype == np.uint8 for ids in known.values())
    assert one.longest == 5


def test_training_batches_come_in_another_order_each_epoch(pairs):
    made = Pairs(pairs, [0, 1, 2], LETTERS, batch_size=1, shuffle=True, seed=1)
    orders = {tuple(int(batch["id"]) for batch in made.epoch(epoch)) for epoch in range(12)}
    assert len(orders) > 2
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert [int(b["id"]) for b in made.epoch(3, start=1)] == [int(b["id"]) for b in made.epoch(3)][1:]


def test_the_fingerprint_changes_with_all_that_is_learned_or_judged(tmp_path: Path):
    def fingerprint(*rows: str) -> str:
        path = tmp_path / "p.csv"
        path.write_text("\n".join(["source,target,split,group", *rows]))
        return open_pairs(path).fingerprint()

    once = fingerprint("ab,ba,train,x", "cd,dc,test,y")
    assert once == fingerprint("ab,ba,train,x", "cd,dc,test,y")
    changed = [("ab,ba,train,x", row) for row in ("cd,dd,test,y", "dd,dc,test,y", "cd,dc,train,y", "cd,dc,test,x")]
    assert len({once, *(fingerprint(*rows) for rows in changed)}) == 5


def test_what_does_not_fit_names_its_line(pairs):
    with pytest.raises(InputError, match=r"t\.csv, line 4: 5 tokens are more than max_len 4; .*--set tokens.max_len=5"):
        Pairs(pairs, [0, 1, 2], LETTERS, batch_size=1, max_len=4)
    with pytest.raises(InputError, match=r"t\.csv, line 2: character 'd'"):
        Pairs(pairs, [0], Characters("abc", ("start", "end")), batch_size=1)
    with pytest.raises(InputError, match="no pairs"):
        Pairs(pairs, [], LETTERS, batch_size=1)
    with pytest.raises(InputError, match='no special id "start"'):
        Pairs(pairs, [0], Characters("abcd"), batch_size=1)

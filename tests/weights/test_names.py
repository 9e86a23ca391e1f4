"""Tables of names: a row works in both directions, an unknown name stays and an incomplete triple too."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.weights.google import NAMES as GOOGLE
from smalti.weights.huggingface import HUGGINGFACE
from smalti.weights.names import Names, fill, match
from smalti.weights.timm import AUTHORS, TIMM

TABLES = {
    **{f"transformers {name}": table for name, table in HUGGINGFACE.items()},
    **{f"timm {name}": table for name, table in TIMM.items()},
    **{f"authors {name}": table for name, table in AUTHORS.items()},
}
WORDS = {"i": "3", "j": "1", "p": "bias", "rest": "norm.weight"}


@given(i=st.integers(1, 99), part=st.sampled_from(["weight", "bias"]))
def test_a_template_gives_back_what_it_was_filled_with(i, part):
    name = fill("layers.{i-1}.fc.{p}", {"i": str(i), "p": part})
    assert name == f"layers.{i - 1}.fc.{part}"
    assert match("layers.{i-1}.fc.{p}", name) == {"i": str(i), "p": part}


@pytest.mark.parametrize("name", ["layers.1.fc.gamma", "layers.x.fc.bias", "a.layers.1.fc.bias", "layers.1.fc.bias.b"])
def test_a_template_fits_whole_names_only(name):
    assert match("layers.{i}.fc.{p}", name) is None


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_undone_by_the_other_direction(name):
    table = TABLES[name]
    ours = {fill(row[0], WORDS) for row in table.rows}
    # a bias their table has no place for is lost on the way out, and zero on the way back
    state = {one: torch.randn(6, 2) for one in ours}
    for row in table.rows:
        if isinstance(row[1], tuple) and None in row[1]:
            state[fill(row[0], WORDS)][2:4] = 0
    theirs = table.to_theirs(state)
    assert not set(theirs) & (ours - {fill(row[0], WORDS) for row in table.rows if row[0] == row[1]})
    back = table.to_ours(theirs)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[one], state[one]) for one in state)


def test_every_place_of_a_row_can_be_filled():
    for table in (*TABLES.values(), GOOGLE):
        for ours, theirs in table.rows:
            for one in (theirs,) if isinstance(theirs, str) else theirs:
                assert one is None or fill(one, WORDS)
            assert fill(ours, WORDS)


def test_names_without_a_row_stay_and_unused_ones_go():
    table = Names((("a.{p}", "b.{p}"),), unused=("old.{rest}",))
    state = {"b.weight": torch.zeros(1), "c.weight": torch.ones(1), "old.index": torch.ones(1)}
    assert table.to_ours(state).keys() == {"a.weight", "c.weight"}


def test_queries_without_keys_are_left_as_they_are():
    table = Names((("qkv.{p}", ("q.{p}", "k.{p}", "v.{p}")),))
    state = {"q.weight": torch.zeros(2, 2), "v.weight": torch.zeros(2, 2)}
    assert table.to_ours(state).keys() == {"q.weight", "v.weight"}

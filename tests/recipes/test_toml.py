"""What `dumps` writes, the standard library reads back."""

import math
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smalti.recipes.toml import dumps

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats()
PLAIN = st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    PLAIN | st.lists(PLAIN, max_size=4),
    lambda inner: (
        st.dictionaries(TEXT, inner, max_size=4) | st.lists(st.dictionaries(TEXT, inner, max_size=3), max_size=3)
    ),
    max_leaves=12,
)


def equal(one: Any, other: Any) -> bool:
    """As ==, with NaN equal to itself and 1 not equal to 1.0 or True."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    both_nan = isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    return both_nan or (type(one) is type(other) and one == other)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_every_tree_comes_back(tree: dict[str, Any]):
    assert equal(tomllib.loads(dumps(tree)), tree)


def test_none_is_a_word_since_a_missing_key_would_mean_the_default():
    assert tomllib.loads(dumps({"a": None, "b": {"c": None}})) == {"a": "none", "b": {"c": "none"}}


def test_it_reads_well():
    tree = {"seed": 3, "optim": {"lr": 1e-3, "betas": (0.9, 0.95)}, "choices": [{"name": "x"}, {"name": "y"}]}
    assert dumps(tree) == (
        'seed = 3\n\n[optim]\nlr = 0.001\nbetas = [0.9, 0.95]\n\n[[choices]]\nname = "x"\n\n[[choices]]\nname = "y"\n'
    )


def test_what_utf8_cannot_hold_does_not_stop_it():
    assert tomllib.loads(dumps({"a": "x\udcff"})) == {"a": "x?"}

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti.errors import DamagedError
from smalti.train.checkpoint import load_checkpoint, save_checkpoint

PLAIN = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=8)
KEYS = st.text(max_size=5) | st.integers(0, 9)
TREES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)


@settings(max_examples=60)
@given(tree=TREES)
def test_plain_trees_come_back(tree, tmp_path_factory):
    path = tmp_path_factory.mktemp("c") / "c.safetensors"
    save_checkpoint(path, {"tree": tree})
    assert load_checkpoint(path)["tree"] == tree


def test_tensors_come_back_bit_for_bit(tmp_path):
    base = torch.randn(4, 6)
    tree = {
        "a": base,
        "view": base[:, ::2],
        "same": [base, {"deep": base.to(torch.bfloat16)}],
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(3.5, dtype=torch.float64),
        "odd": torch.tensor([float("nan"), float("inf"), -0.0]),
    }
    save_checkpoint(tmp_path / "c", tree)
    back = load_checkpoint(tmp_path / "c")
    for path in (("a",), ("view",), ("same", 0), ("same", 1, "deep"), ("empty",), ("scalar",), ("odd",)):
        one, other = tree, back
        for key in path:
            one, other = one[key], other[key]
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "header", "missing", "foreign"])
def test_damage_is_named(tmp_path, damage):
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, {"a": torch.randn(100)})
    content = path.read_bytes()
    changed = {
        "empty": b"",
        "cut": content[:-50],
        "garbage": bytes(1000),
        "header": content.replace(b"smalti-checkpoint/1", b"smalti-checkpoint/9"),
        "foreign": None,
        "missing": None,
    }[damage]
    if damage == "missing":
        path.unlink()
    elif damage == "foreign":
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(1)}, path)
    else:
        path.write_bytes(changed)
    with pytest.raises(DamagedError, match=r"last\.safetensors: is not a readable checkpoint"):
        load_checkpoint(path)

"""Tables of names: a row works in both directions, an unknown name stays and an incomplete triple too."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smalti.models import create_model
from smalti.weights import timm, to_ours
from smalti.weights.google import NAMES as GOOGLE
from smalti.weights.huggingface import HUGGINGFACE
from smalti.weights.names import Names, fill, find, match

TABLES = {
    **{f"transformers {name}": table for name, table in HUGGINGFACE.items()},
    "timm packed": timm.PACKED,
    "timm beit": timm.BEIT,
    "timm swin": timm.SWIN,
    "timm swinv2": timm.SWIN_V2,
    "authors swin": Names((*timm.SWIN.rows, *timm.SWIN_EXTRA)),
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


def names(side) -> list[str]:
    return [fill(one, WORDS) for one in ((side,) if isinstance(side, str) else side) if one]


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_undone_by_the_other_direction(name):
    table, rows = TABLES[name], {}
    for ours, theirs in table.rows:
        if find(names(ours)[0], table.rows)[0] == (ours, theirs):  # the first row that has a name is the one
            rows[ours] = theirs
    state = {one: torch.randn(6, 2) for ours in rows for one in names(ours)}
    for ours, theirs in rows.items():
        if isinstance(theirs, tuple) and None in theirs:  # lost on the way out, zero on the way back
            state[names(ours)[0]][2:4] = 0
    written = table.to_theirs(state)
    assert written.keys() == {one for theirs in rows.values() for one in names(theirs)}
    back = table.to_ours(written)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[one], state[one]) for one in state)


def test_every_place_of_the_authors_rows_can_be_filled():
    for ours, theirs in (*GOOGLE.rows, *timm.AUTHORS.rows):
        assert names(ours)
        assert names(theirs)


def test_the_merged_gate_and_value_of_the_authors_of_dinov2_are_read():
    """The first half of w12 is the gate, the second what it gates; w3 goes out (dinov2's SwiGLUFFN)."""
    sizes = {"img_size": 28, "embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 0}
    torch.manual_seed(0)
    model = create_model("vit_giant_patch14_reg4_dinov2", **sizes).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    ours = model.state_dict()
    theirs = {"mask_token": torch.zeros(1, 32)}
    for name, tensor in ours.items():
        if ".fc1_x." in name:
            continue
        if ".fc1_g." in name:
            theirs[name.replace("fc1_g", "w12")] = torch.cat([tensor, ours[name.replace("fc1_g", "fc1_x")]])
        else:
            theirs[name.replace("mlp.fc2", "mlp.w3").replace("reg_token", "register_tokens")] = tensor
    assert any("w12" in name for name in theirs)
    publisher, read = to_ours(theirs, "vit")
    assert publisher == "timm or the authors"
    assert read.keys() == ours.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in ours.items())
    x, mlp = torch.randn(1, 3, 32), model.blocks[0].mlp
    gate, value = torch.nn.functional.linear(
        x, theirs["blocks.0.mlp.w12.weight"], theirs["blocks.0.mlp.w12.bias"]
    ).chunk(2, dim=-1)
    hidden = torch.nn.functional.silu(gate) * value
    out = torch.nn.functional.linear(hidden, theirs["blocks.0.mlp.w3.weight"], theirs["blocks.0.mlp.w3.bias"])
    torch.testing.assert_close(mlp(x), out)


def test_names_without_a_row_stay_and_unused_ones_go():
    table = Names((("a.{p}", "b.{p}"),), unused=("old.{rest}",))
    state = {"b.weight": torch.zeros(1), "c.weight": torch.ones(1), "old.index": torch.ones(1)}
    assert table.to_ours(state).keys() == {"a.weight", "c.weight"}


def test_queries_without_keys_are_left_as_they_are():
    table = Names((("qkv.{p}", ("q.{p}", "k.{p}", "v.{p}")),))
    state = {"q.weight": torch.zeros(2, 2), "v.weight": torch.zeros(2, 2)}
    assert table.to_ours(state).keys() == {"q.weight", "v.weight"}

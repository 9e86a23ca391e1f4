import pytest
import torch

from smalti.errors import InputError
from smalti.models import FAMILIES, build
from smalti.models.sizes import preset_size
from smalti.nn.blank import Blank


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_model_is_built_but_for_what_is_drawn(family):
    about = FAMILIES[family]
    smallest = min(about.presets, key=lambda name: preset_size(name).parameters)
    config = about.presets[smallest]
    drawn = build(family, config).state_dict()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with Blank(drawn):
        model = build(family, config)
    assert torch.equal(torch.get_rng_state(), before)
    blank = model.state_dict()
    assert {name: one.shape for name, one in blank.items()} == {name: one.shape for name, one in drawn.items()}
    assert all(one.isfinite().all() for one in blank.values())
    assert sum(one.count_nonzero() for one in blank.values()) < 0.1 * sum(one.numel() for one in blank.values())
    for (name, one), (_, other) in zip(model.named_buffers(), build(family, config).named_buffers(), strict=True):
        assert torch.equal(one, other), name


def test_a_model_far_larger_than_what_is_stored_is_not_built():
    stored = dict(torch.nn.Linear(8, 8).named_parameters())
    with Blank(stored):
        torch.nn.Linear(8, 9)
    for build_far_more in (lambda: torch.nn.Linear(100, 100), lambda: [torch.nn.Linear(1, 1) for _ in range(100)]):
        with pytest.raises(InputError, match="far larger than what is stored"), Blank(stored):
            build_far_more()


def test_outside_of_it_numbers_are_drawn_again():
    with Blank():
        assert not torch.nn.Linear(3, 3).weight.count_nonzero()
    assert torch.nn.Linear(3, 3).weight.count_nonzero()

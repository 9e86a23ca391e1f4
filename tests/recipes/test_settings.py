"""What a person settles for a run, before any data is looked at."""

from typing import Any

import pytest

from smalti.errors import InputError
from smalti.recipes.settings import gather_settings

NOTHING: dict[str, Any] = dict.fromkeys(("model", "minutes", "epochs", "steps", "seed", "fraction", "start", "teacher"))


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"epochs": 0.5}, "budget.epochs = 0.5 is not a whole number"),
        ({"steps": 10.0}, "budget.steps = 10.0 is not a whole number"),
        ({"minutes": "5"}, "budget.minutes = '5' is not a number"),
        ({"seed": 1.5}, "seed = 1.5 is not a whole number"),
        ({"fraction": "half"}, "fraction = 'half' is not a number"),
    ],
)
def test_a_named_option_of_another_type_is_refused(named, told):
    with pytest.raises(InputError, match=told):
        gather_settings(None, None, **{**NOTHING, **named})


def test_a_named_budget_replaces_that_of_a_file(tmp_path):
    (tmp_path / "c.toml").write_text("[budget]\nepochs = 3\n")
    settings = gather_settings(tmp_path / "c.toml", None, **{**NOTHING, "minutes": 5})
    assert settings["budget"] == {"minutes": 5.0}

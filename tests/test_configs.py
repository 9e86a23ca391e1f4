"""Values that people give meet the annotations of a config."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from smalti.configs import fitted
from smalti.errors import InputError


@dataclass(frozen=True)
class Config:
    name: Literal["adam", "sgd"] = "adam"
    rate: float = 0.1
    count: int | None = 3
    flag: bool = False
    pair: tuple[int, int] = (1, 2)
    many: tuple[float, ...] = ()
    size: int | tuple[int, int] = 8
    options: dict[str, Any] | None = None
    text: str = ""


@pytest.mark.parametrize(
    ("name", "given", "becomes"),
    [
        ("name", "sgd", "sgd"),
        ("rate", 1, 1.0),
        ("rate", np.float32(0.5), 0.5),
        ("count", np.int64(4), 4),
        ("count", None, None),
        ("count", "none", None),
        ("flag", True, True),
        ("pair", [3, 4], (3, 4)),
        ("many", [1, 2.5, 3], (1.0, 2.5, 3.0)),
        ("size", [4, 5], (4, 5)),
        ("size", 4, 4),
        ("options", {"x": [1]}, {"x": [1]}),
        ("text", "none", "none"),  # a text may be any word
    ],
)
def test_what_fits_becomes_the_type_of_the_field(name: str, given: Any, becomes: Any):
    value = fitted(Config, {name: given})[name]
    assert value == becomes
    assert type(value) is type(becomes)


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("name", "adamm", "c.name = 'adamm' is not one of adam, sgd; did you mean \"adam\"?"),
        ("name", ["adam"], "c.name = ['adam'] is not one of adam, sgd; a value like 'adam'"),
        ("rate", "fast", "c.rate = 'fast' is not a number; a value like 0.1"),
        ("rate", True, "c.rate = True is not a number"),
        ("rate", None, "c.rate = None is not a number"),
        ("count", 1.5, "c.count = 1.5 is not a whole number or none"),
        ("count", False, "c.count = False is not a whole number or none"),
        ("flag", 1, "c.flag = 1 is not true or false"),
        ("pair", [1, 2, 3], "c.pair = [1, 2, 3] is not a list of 2 whole numbers"),
        ("pair", 1, "c.pair = 1 is not a list of 2 whole numbers"),
        ("many", [1, "x"], "is not a list of numbers"),
        ("size", [1.5, 2], "is not a whole number or a list of 2 whole numbers"),
        ("options", 3, "is not a table or none; give a table or none"),
        ("nam", "adam", 'there is no setting "c.nam"; did you mean "c.name"?'),
        ("zzz", 1, "c has name, rate, count"),
    ],
)
def test_what_does_not_fit_is_named_with_its_mend(name: str, given: Any, says: str):
    with pytest.raises(InputError) as caught:
        fitted(Config, {name: given}, "c", where="x.toml")
    assert str(caught.value).startswith("x.toml: ")
    assert says in str(caught.value)

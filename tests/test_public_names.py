"""The door of the library: few names, typed, each what the reference says."""

import inspect
import re
import subprocess
import sys
from typing import Any

import pytest

import smalti
from smalti import api

NAMES = [
    "__version__",
    "check",
    "create_model",
    "evaluate",
    "export",
    "import_weights",
    "list_models",
    "load",
    "predict",
    "probe",
    "quickstart",
    "resume",
    "sample",
    "train",
]
CALLS = [name for name in NAMES if not name.startswith("_")]


def test_the_public_names_are_these():
    assert sorted(smalti.__all__) == NAMES
    assert sorted(dir(smalti)) == NAMES
    assert set(CALLS) <= set(api.__all__)


def test_the_version_is_that_of_the_installed_package():
    from importlib.metadata import PackageNotFoundError, version

    try:
        assert smalti.__version__ == version("smalti")
    except PackageNotFoundError:
        pytest.skip("smalti runs from its source folder")


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_documented_and_typed(name: str):
    call = getattr(smalti, name)
    assert call is getattr(api, name)
    assert inspect.getdoc(call)
    signature = inspect.signature(call)
    assert signature.return_annotation is not inspect.Signature.empty
    assert signature.return_annotation is not Any
    untyped = [p.name for p in signature.parameters.values() if p.annotation is inspect.Parameter.empty]
    assert not untyped
    unsaid = [p for p in signature.parameters if not re.search(rf"^\s+{p}: ", inspect.getdoc(call), re.MULTILINE)]
    assert not unsaid, f"{name} says nothing about {unsaid}"


def test_every_command_but_models_is_a_call_of_the_same_name():
    from smalti.cli import COMMANDS

    assert {command.__name__ for command in COMMANDS} - {"models"} <= set(CALLS)


# "from" cannot be a name in Python; "set" and "bytes" are among the settings; "column" names one of several
PYTHONS = {"from": "start", "set": "overrides", "bytes": "overrides", "column": "columns"}
OF_THE_SHELL = {"json", "csv", "resume"}  # what is printed, and how; and a call of its own


def test_an_option_has_the_name_of_the_parameter():
    """But for `sample --out`: in Python the text is there."""
    from smalti.cli import COMMANDS, app

    for command in COMMANDS:
        name = {"models": "list_models"}.get(command.__name__, command.__name__)
        known = inspect.signature(getattr(smalti, name)).parameters
        arguments = app[command.__name__.replace("_", "-")].assemble_argument_collection()
        words = [argument.names[0].lstrip("-").replace("-", "_") for argument in arguments]
        options = {PYTHONS.get(word, word) for word in words if word.islower()} - OF_THE_SHELL
        assert options - known.keys() == ({"out"} if name == "sample" else set()), name


def test_a_wrong_name_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = smalti.trian  # pyright: ignore[reportAttributeAccessIssue]


def test_calls_are_calls_whatever_was_imported_before():
    """Each time nothing of smalti is loaded; torch stays, which takes longer to load than all the rest."""
    befores = [
        "",
        "smalti.load",
        "import smalti.train.optim",
        "from smalti.evaluate import metrics",
        "import smalti.api",
    ]
    code = f"""
import sys

import torch

for before in {befores}:
    for loaded in [name for name in sys.modules if name.split(".")[0] == "smalti"]:
        del sys.modules[loaded]
    import smalti

    exec(before)
    for name in {CALLS}:
        for _ in range(2):
            assert type(getattr(smalti, name)).__name__ == "function", (before, name)
    from smalti import evaluate, train
    import smalti.train.schedule
    from smalti.train import budget
    from smalti.train.budget import Budget

    assert callable(train) and callable(evaluate) and callable(smalti.train), before
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_says_that_it_is_typed():
    from importlib.resources import files

    assert (files("smalti") / "py.typed").is_file()

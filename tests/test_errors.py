import re
import string
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smalti.errors import (
    DamagedError,
    DivergedError,
    InputError,
    Interrupted,
    SmaltiError,
    StorageError,
    install_line,
    printable,
)

anything = st.text(st.characters(codec=None, exclude_categories=()))  # surrogates and control characters too


@pytest.mark.parametrize(
    ("kind", "code"),
    [(InputError, 2), (DamagedError, 3), (DivergedError, 4), (StorageError, 74), (Interrupted, 75)],
)
def test_every_kind_has_the_exit_code_of_the_command_line(kind: type[SmaltiError], code: int):
    error = kind("no")
    assert error.exit == code == error.as_dict()["exit"]
    assert isinstance(error, SmaltiError)


def test_the_sentence_says_where_what_why_and_the_mend():
    error = InputError("cannot be read", where="a/b.png", why="the file is empty", mend="delete it")
    assert str(error) == "a/b.png: cannot be read (the file is empty); delete it"
    assert error.as_dict() == {
        "what": "cannot be read",
        "where": "a/b.png",
        "why": "the file is empty",
        "mend": "delete it",
        "exit": 2,
    }


def test_parts_that_are_not_given_leave_no_marks():
    assert str(InputError("no classes")) == "no classes"


def test_bad_input_is_a_value_error_for_callers_in_python():
    with pytest.raises(ValueError, match="no classes"):
        raise InputError("no classes")


@given(anything, anything, anything, anything)
def test_a_hostile_name_stays_one_harmless_line(what: str, where: str, why: str, mend: str):
    line = str(InputError(what, where=where, why=why, mend=mend))
    assert line.isprintable()
    line.encode()  # no lone surrogate is left


@given(anything, st.integers(2, 50))
def test_printable_keeps_the_limit_and_both_ends(name: str, limit: int):
    short = printable(name, limit)
    full = printable(name, 10**6)
    assert short.isprintable()
    assert len(short) <= limit + 1
    if short != full:
        head, tail = short.split("…", 1) if "…" not in full else (full[: limit // 2], full[-(limit // 2) :])
        assert full.startswith(head)
        assert full.endswith(tail)


@given(st.text(string.ascii_letters + string.digits + " ._-/äß日本", max_size=100))
def test_ordinary_names_are_left_alone(name: str):
    assert printable(name) == name


def test_terminal_escapes_are_shown_not_sent():
    assert printable("\x1b[31mred\x07\n") == r"\x1b[31mred\x07\n"
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", printable("".join(map(chr, range(256)))))


def test_a_file_name_of_undecodable_bytes_is_shown_as_escapes():
    assert printable(b"caf\xe9.png".decode("utf-8", "surrogateescape")) == r"caf\udce9.png"


def test_what_installs_an_extra_is_what_the_project_asks_for(monkeypatch: pytest.MonkeyPatch):
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    extras = tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"]
    lines = [line.replace("_", "-") for some in extras.values() for line in some]
    monkeypatch.setattr(metadata, "requires", lambda name: [f"{line}; extra == 'one'" for line in lines])
    assert len(lines) == 4
    for line in lines:
        assert install_line(line.partition(">")[0]) == f"pip install '{line}'"

    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)  # smalti runs from its source folder
    assert install_line("sacrebleu") == "pip install 'sacrebleu'"

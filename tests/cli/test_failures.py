import errno
import json
import os
import subprocess
import sys
import warnings

import pytest
from cyclopts import App, CycloptsError

from smalti.cli import failures
from smalti.errors import DamagedError, DivergedError, InputError, Interrupted, StorageError


class OutOfMemoryError(RuntimeError):
    """Named as torch's, which is known by its name."""


CASES = [
    (InputError("no pictures", where="x", mend="add some"), 2, "error: x: no pictures; add some"),
    (DamagedError("checksum differs", where="m.safetensors"), 3, "error: m.safetensors: checksum differs"),
    (DivergedError("the loss is not finite"), 4, "error: the loss is not finite"),
    (StorageError("could not be written", where="x"), 74, "error: x: could not be written"),
    (
        Interrupted("stopped at step 3", mend="smalti train --resume r"),
        75,
        "stopped: stopped at step 3; smalti train --resume r",
    ),
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.png"), 74, "error: a.png: No space left on device; "),
    (PermissionError(errno.EACCES, "Permission denied", "b\n"), 74, r"error: b\n: Permission denied; "),
    (OSError("cannot seek"), 74, "error: cannot seek; "),
    (MemoryError(), 2, "error: out of memory; use a smaller batch"),
    (OutOfMemoryError("CUDA out of memory"), 2, "error: out of memory; use a smaller batch"),
    (
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
        74,
        "error: a process that reads pictures died (DataLoader worker (pid 7) is killed",
    ),
    (KeyboardInterrupt(), 130, "stopped: interrupted"),
    (
        ZeroDivisionError("division\nby zero"),
        70,
        r"error: a fault in smalti: ZeroDivisionError (division\nby zero); run it with",
    ),
]


@pytest.mark.parametrize(("error", "code", "start"), CASES, ids=lambda case: type(case).__name__)
def test_a_failure_is_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, start: str
):
    assert failures.report(error, as_json=False, debug=False) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(start)


@pytest.mark.parametrize(("error", "code", "start"), CASES, ids=lambda case: type(case).__name__)
def test_a_failure_as_json_has_the_stable_shape(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, start: str
):
    assert failures.report(error, as_json=True, debug=False) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    fields = json.loads(err)["error"]
    assert set(fields) == {"what", "where", "why", "mend", "exit"}
    assert fields["exit"] == code
    assert fields["what"]


def test_debug_shows_the_traceback_before_the_line(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(InputError) as caught:
        raise InputError("no pictures")
    assert failures.report(caught.value, as_json=False, debug=True) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "error: no pictures"


def test_a_closed_pipe_is_quiet(capsys: pytest.CaptureFixture[str]):
    assert failures.report(BrokenPipeError(), as_json=False, debug=True) == failures.PIPE
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("asked", "code"), [(0, 0), (3, 3), (None, 0), ("text", 1)])
def test_an_exit_keeps_its_code(asked: object, code: int):
    assert failures.report(SystemExit(asked), as_json=False, debug=False) == code


def test_a_usage_error_names_the_help_that_mends_it(capsys: pytest.CaptureFixture[str]):
    app = App(name="smalti")

    @app.command
    def train(*, minutes: float = 1) -> None: ...

    with pytest.raises(CycloptsError) as caught:
        app(["train", "--minutes", "soon"], exit_on_error=False, print_error=False)
    assert failures.report(caught.value, as_json=False, debug=False) == 2
    assert capsys.readouterr().err == (
        'error: Invalid value for --minutes: unable to convert "soon" into float; see smalti train --help\n'
    )


def test_warnings_are_one_plain_line():
    code = """
import warnings
from smalti.cli import failures
failures.show_warnings_plainly()
warnings.warn('odd\x1b file')
"""
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "warning: odd\\x1b file\n"


def test_the_tests_themselves_keep_warnings_as_errors():
    with pytest.raises(UserWarning, match="yes"):
        warnings.warn("yes", stacklevel=1)

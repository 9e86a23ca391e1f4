"""Bad input gets one clear line and the right exit code; nothing is lost, nothing hangs, nothing hostile is printed."""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from tests.bad_input import archives, models, named_data, pictures, runs, settings, tables  # noqa: F401 - they fill CASES
from tests.bad_input.cases import CASES, Case
from tests.bad_input.ground import CONTROL, Ground, posix

from smalti.cli import run

pytestmark = posix

SECONDS = 60  # no case may take longer, on a busy machine either


def snapshot() -> dict[str, str]:
    """Every file here with a digest of its content."""
    found = {}
    for folder, _, files in os.walk("."):
        for name in files:
            path = Path(folder, name)
            regular = path.is_file() and not path.is_symlink()
            found[path.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest() if regular else "special"
    return found


def says(text: str, words: str) -> bool:
    """Whether one of the alternatives in `words` is in `text`."""
    return any(word in text for word in words.split("|"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_bad_input(case: Case, ground: Ground, capsys: pytest.CaptureFixture[str]):
    command = case.make(ground)
    before = snapshot()
    capsys.readouterr()
    began = time.monotonic()

    assert run(command) == case.code, capsys.readouterr().err
    out, err = capsys.readouterr()
    *above, line = err.splitlines()
    assert line.startswith("error: "), err
    assert not any(text.startswith(("error", "Traceback", "warning")) for text in above), err
    assert not CONTROL.search(out + err), repr(out + err)
    assert says(line, case.names), line
    for words in case.says:
        assert says(line, words), line

    after = snapshot()
    assert before.items() <= after.items(), "a file was lost or changed"
    new = set(after) - set(before) - {"r/.lock", "out/.lock"}
    assert case.leaves or not new, new
    assert not Path("trapped").exists()
    for path in {path.split("/")[0] for path in new}:
        shutil.rmtree(path)

    assert run([*command, "--json"]) == case.code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.isascii()
    *above, line = err.splitlines()
    fields = json.loads(line)["error"]
    assert set(fields) == {"what", "where", "why", "mend", "exit"}
    assert fields["what"]
    assert fields["mend"], "no way out is named"
    assert fields["exit"] == case.code
    assert time.monotonic() - began < SECONDS

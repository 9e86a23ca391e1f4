"""The shell around the commands: what every command line has in common."""

import json
import os
import subprocess
import sys

import pytest

from smalti._version import __version__
from smalti.cli import COMMANDS, run

SMALTI = [sys.executable, "-m", "smalti"]
NAMES = [command.__name__.replace("_", "-") for command in COMMANDS]


def test_the_commands_are_these():
    assert NAMES == [
        "quickstart",
        "check",
        "train",
        "evaluate",
        "predict",
        "probe",
        "sample",
        "export",
        "import-weights",
        "models",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_help_names_every_option_with_a_sentence(name: str, capsys: pytest.CaptureFixture[str]):
    assert run([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: smalti {name}" in out
    assert "--json" in out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]):
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f" {name} " in out for name in NAMES)


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]):
    assert run([]) == 0
    assert "Usage: smalti" in capsys.readouterr().out


def test_the_package_is_the_command():
    done = subprocess.run([sys.executable, "-m", "smalti", "--version"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == (f"{__version__}\n", 0)


def test_version(capsys: pytest.CaptureFixture[str]):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("trian", 'did you mean "train"?'),
        ("train --minuts 3", "did you mean --minutes?"),
        ("train d --task clasify", "--task"),
        ("train d --minutes abc", "--minutes"),
        ("train d --epochs 1.5", "1.5 is not a whole number"),
        ("train d --bad-images maybe", "--bad-images"),
        ("train", "DATA is missing"),
        ("train --resume run --seed 3", "leave out options other than --device"),
        ("train d --resume run --seed 3", "leave out options other than --device"),
        ("train d --set lr", "--set optim.lr=0.001"),
        ("train d --set =3", "--set optim.lr=0.001"),
        ("check", "DATA"),
        ("check a b", "b"),
        ("evaluate m", "DATA"),
        ("evaluate m d --split most", "--split"),
        ("predict m", "INPUTS"),
        ("predict m x --json --csv", "choose one"),
        ("predict m x --top many", "--top"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_bad_usage_is_one_line_and_exit_code_2(line: str, says: str, as_json: bool, capsys: pytest.CaptureFixture[str]):
    if as_json and "--json" not in line:
        line += " --json"
    assert run(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    if "--json" in line:
        fields = json.loads(err)["error"]
        err = fields["what"] + fields["mend"]
    else:
        assert err.startswith("error: ")
    assert says in err


def test_debug_is_known_to_every_command_and_changes_only_stderr(capsys: pytest.CaptureFixture[str]):
    assert run(["train", "--debug"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: DATA is missing")


def test_after_two_dashes_everything_is_a_name(capsys: pytest.CaptureFixture[str]):
    assert run(["train", "--set", "x", "--", "--debug"]) == 2
    assert capsys.readouterr().err.startswith("error: --set x is not KEY=VALUE")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals of POSIX")
def test_a_reader_that_goes_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run([*SMALTI, "--help"], stdout=closed, stderr=subprocess.PIPE, text=True)
    assert done.stderr == ""
    assert done.returncode == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_an_io_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*SMALTI, "--version"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.stderr.startswith("error: No space left on device")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 74


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_output_fits_any_terminal_encoding(encoding: str):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "NO_COLOR": "1"}
    done = subprocess.run([*SMALTI, "--help"], capture_output=True, env=environment, check=True)
    assert b"\x1b" not in done.stdout
    assert "smalti COMMAND" in done.stdout.decode(encoding)
    assert done.stderr == b""

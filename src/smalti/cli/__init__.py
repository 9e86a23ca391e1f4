"""The command `smalti`: argv in, exit code out. A command parses, calls one function of the library, prints.

Exit codes: 0 done; 2 bad input or usage; 3 damaged artefact; 4 diverged; 70 a fault in smalti itself; 74 disk or I/O;
75 interrupted but resumable; 130 interrupted; 141 the reader of the output went away.
"""

import gc
import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App, Parameter

from smalti._version import __version__
from smalti.cli import failures
from smalti.cli.check import check
from smalti.cli.evaluate import evaluate
from smalti.cli.export import export
from smalti.cli.import_weights import import_weights
from smalti.cli.models import models
from smalti.cli.predict import predict
from smalti.cli.probe import probe
from smalti.cli.quickstart import quickstart
from smalti.cli.sample import sample
from smalti.cli.train import train

__all__ = ["main", "run"]

COMMANDS = (quickstart, check, train, evaluate, predict, probe, sample, export, import_weights, models)

app = App(
    name="smalti",
    help="Train, judge and use Transformers: on a folder of pictures, or on a text.",
    help_format="plaintext",
    help_epilogue="Every command takes --json (results on stdout, one object a line) and --debug (tracebacks).",
    version=__version__,
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
)
for command in COMMANDS:
    app.command(command)


def run(tokens: Sequence[str]) -> int:
    """Runs one command line and returns its exit code; every failure is one line on stderr.

    Args:
        tokens: the arguments after `smalti`.
    """
    options = tokens[: tokens.index("--")] if "--" in tokens else tokens
    debug, as_json = "--debug" in options, "--json" in options
    tokens = [t for t in options if t != "--debug"] + list(tokens[len(options) :])
    failures.show_warnings_plainly()
    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not after the exit code is given
    except BaseException as error:
        return failures.report(error, as_json=as_json, debug=debug)
    return code if isinstance(code, int) else 0


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name no terminal can show must not stop a command
    code = run(sys.argv[1:])
    if code == failures.PIPE:  # nobody reads: keep the interpreter from flushing into the closed pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    gc.freeze()  # what is left goes with the process: no last look through torch's modules for garbage
    sys.exit(code)

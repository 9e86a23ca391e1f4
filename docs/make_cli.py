"""Writes docs/cli.md from the help texts of the commands: `python docs/make_cli.py`. A test tells when it is due."""

import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

PAGE = Path(__file__).with_name("cli.md")

HEAD = """\
# The command line

Every command is one call of the library (see [python.md](python.md)). Results go to stdout, progress and errors to
stderr.

- DATA is what [data.md](data.md) describes: a folder, an archive, a file or the name of a standard set.
- MODEL is a model file or a run folder.
- `--json` gives machine output on stdout, one object a line; an error is then one object
  `{"error": {"what", "where", "why", "mend", "exit"}}` on stderr.
- `--debug` shows the traceback of an error as well.

| exit code | meaning |
|---|---|
| 0 | done |
| 2 | bad input or usage; `check`: training should not start; `predict`: a picture could not be read |
| 3 | a model file, checkpoint or run folder is damaged |
| 4 | training diverged: the loss was infinite or no number |
| 70 | a fault in smalti itself |
| 74 | the disk failed or is full |
| 75 | interrupted, everything is saved; the message names the command that goes on |
| 130 | interrupted where there was nothing to save |
| 141 | the reader of the output went away |

The texts below are the help of each command, written by `python docs/make_cli.py`.
"""


def help_text(*command: str) -> str:
    """What `smalti COMMAND --help` prints at a width of 100 characters."""
    from smalti.cli import run

    out = StringIO()
    with patch.dict(os.environ, {"COLUMNS": "100"}), redirect_stdout(out):
        code = run([*command, "--help"])
    assert code == 0, command
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def page() -> str:
    """The whole of docs/cli.md."""
    from smalti.cli import COMMANDS

    parts = [HEAD, f"## smalti\n\n```text\n{help_text()}\n```\n"]
    names = [command.__name__.replace("_", "-") for command in COMMANDS]
    parts += [f"## smalti {name}\n\n```text\n{help_text(name)}\n```\n" for name in names]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

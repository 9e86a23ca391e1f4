"""docs/cli.md is the help of the commands, word for word."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_the_page_is_what_the_help_says():
    code = "import make_cli, sys; sys.stdout.reconfigure(encoding='utf-8'); print(make_cli.page(), end='')"
    fresh = subprocess.run([sys.executable, "-c", code], cwd=DOCS, capture_output=True, check=True)
    written = (DOCS / "cli.md").read_text("utf-8")
    assert written == fresh.stdout.decode(), "the help has changed: run `python docs/make_cli.py`"

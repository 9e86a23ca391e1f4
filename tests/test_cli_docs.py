"""docs/cli.md is the help of the commands, word for word."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_is_what_the_help_says():
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs/make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    make_cli = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_cli)
    written = make_cli.PAGE.read_text("utf-8")
    assert written == make_cli.page(), "the help has changed: run `python docs/make_cli.py`"

"""`python -m smalti.cli` is `smalti`."""

from smalti.cli import main

main()

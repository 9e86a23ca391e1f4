"""`python -m smalti` is `smalti`, also where the folder of scripts is not on the path."""

from smalti.cli import main

main()

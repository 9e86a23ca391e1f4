"""Tables beside the pictures that are not read, where folders say little: the labels are in them, more likely."""

import re
import shlex
from collections.abc import Iterator

from smalti.data.formats import manifest
from smalti.data.formats.table import MANIFEST_SUFFIXES
from smalti.data.formats.tree import Tree
from smalti.data.formats.walk import Files
from smalti.data.names import Names
from smalti.data.source import Problem
from smalti.errors import InputError, few, printable

__all__ = ["from_table", "one_class"]

_PART = re.compile(
    r"((?:.*[\W_])?(?:part|images?|imgs?|batch|chunk|folder|disk|archive|data))[\W_]*\d+", re.IGNORECASE
)  # of what was too much for one folder: "images_001", "HAM10000_images_part_2"


def one_class(tree: Tree, labels: tuple[str, ...], others: Names) -> Iterator[Problem]:
    """One class, or the parts of one set taken for classes, beside a table.

    Args:
        tree: the files.
        labels: of the classes.
        others: the files that are no pictures.
    """
    in_parts = _are_parts(labels)
    if (len(labels) == 1 or in_parts) and (mend := from_table(tree, others)):
        found = f"the folders {few(labels)} are parts of one set, no classes" if in_parts else "there is only one class"
        cause = f"{found}, and a table beside {'them' if in_parts else 'it'} that is not read"
        yield Problem("one_class", "", cause, mend, fatal=True)


def _are_parts(labels: tuple[str, ...]) -> bool:
    """Whether folders differ in nothing but the number of a part, so that they say nothing of what they hold."""
    stems = {found[1].lower() if (found := _PART.fullmatch(label)) else "" for label in labels}
    return len(labels) > 1 and len(stems) == 1 and "" not in stems


def from_table(tree: Tree, others: Names) -> str:
    """How the labels are read from a table among the files that are no pictures; empty where there is none."""
    remarks = {path: _remark(tree, path) for path in others if path.lower().endswith(MANIFEST_SUFFIXES)}
    if not remarks:
        return ""
    tables = [path for path, remark in remarks.items() if not remark]
    if not tables:
        lacking = next(iter(remarks.values()))
        or_named = "or name it as DATA, with --column path=NAME --column label=NAME"
        return f"to take the labels from a table, give it the columns path and label: {lacking}; {or_named}"
    if len(tables) > 1:
        return f"name the one table of all labels as DATA, or join {few(tables)} to a manifest.csv with a column split"
    if not isinstance(tree.storage, Files):
        return f"to take the labels from {printable(tables[0])}, call it manifest.csv"
    path = shlex.quote(f"{tree.name.rstrip('/')}/{tables[0]}")
    return f"`smalti check {printable(path)}` reads the labels from that table"


def _remark(tree: Tree, path: str) -> str:
    """What keeps a table from being a manifest; empty where nothing does."""
    try:
        return manifest.remark(tree, path)
    except InputError as error:
        return f"{printable(path)}: {error.cause}"

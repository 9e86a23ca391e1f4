"""`smalti check`."""

from smalti.cli.options import Columns, Data, Download, Json, TaskName, named_columns
from smalti.cli.output import show, table, write_json
from smalti.errors import printable

__all__ = ["check"]


def check(
    data: Data, /, *, task: TaskName = None, column: Columns = (), download: Download = False, json: Json = False
) -> int:
    """Say what is in the data and what is wrong with it; exit code 2 where training should not start."""
    from smalti import api
    from smalti.data.check import Check
    from smalti.data.check_table import check_table

    result = api.check(data, task=task, columns=named_columns(column), download=download)
    if json:
        write_json(result.to_dict())
    elif isinstance(result, Check):
        show(check_table(result))
    else:
        show(table(printable(result.name), ("", ""), ((name, printable(words)) for name, words in result.facts)))
    return 0 if result.trainable else 2

"""What the outputs of published weights are: classes, labels or numbers, and their names."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from smalti.configs import fit
from smalti.data.source import Task
from smalti.errors import InputError
from smalti.weights import Published
from smalti.weights.huggingface import task_of

__all__ = ["find_labels", "find_task"]


def find_task(published: Published, count: int, given: Task | None) -> str:
    """What the outputs are: as the person says, as the folder says. Raises InputError where there are none to say it
    of.
    """
    if given is None:
        return task_of(published.config, count)
    if not count:
        raise InputError("has no outputs that could be for a task", where=published.path, mend="leave out --task")
    return fit(given, Task, "task")


def find_labels(published: Published, count: int, given: object, remarks: list[str]) -> tuple[str, ...]:
    """Names of the outputs, each its own."""
    if isinstance(given, str | os.PathLike):
        found = [line.strip() for line in read_text(Path(given)).splitlines() if line.strip()]
    elif isinstance(given, Iterable):
        found = list(map(str, given))
    else:
        told = told_labels(published)
        if max(told, default=0) >= count:
            told = {}  # of another model's outputs
        if len(told) < count:
            which = "some outputs" if told else "the outputs"
            remarks.append(f"{which} have no names there and are numbered; --labels FILE gives them names")
        found = [told.get(i, f"class {i:0{len(str(count - 1))}d}") for i in range(count)]
    if len(found) != count:
        raise InputError(f"{len(found)} labels for {count} outputs", mend="give one line an output, in order")
    while len(times := Counter(found)) < count:
        found = [f"{name} ({i})" if times[name] > 1 else name for i, name in enumerate(found)]
    return tuple(found)


def told_labels(published: Published) -> dict[int, str]:
    """The names of outputs that a folder tells, by number; there may be gaps."""
    config = published.config
    told = config.get("id2label") or config.get("label_names") or config.get("pretrained_cfg", {}).get("label_names")
    named = told if isinstance(told, dict) else dict(enumerate(told or ()))
    try:
        return {int(number): str(name) for number, name in named.items()}
    except ValueError as error:
        what = "its labels are not told by number"
        raise InputError(what, where=published.path, why=str(error), mend="add --labels FILE") from error


def read_text(path: Path) -> str:
    """A text file. Raises InputError where it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=path, why=str(error), mend="name a text file in UTF-8") from error

"""What targets mean: the words for it, the same in code, command line, files and JSON."""

from typing import Literal

__all__ = ["AnyTask", "Task"]

Task = Literal["classify", "multilabel", "regress"]  # of pictures
AnyTask = Literal[Task, "next-token", "masked-token", "seq2seq"]  # "classify" is one of texts too

"""What a run on text learns from: opened and encoded data, with what follows from the task."""

import os
from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from torch import nn

from smalti.data.formats.columns import Columns
from smalti.data.text import text_kind
from smalti.evaluate.text_evaluation import TextEvaluation
from smalti.objectives import Batch, Objective
from smalti.recipes.recipe import Choice
from smalti.recipes.text.language import Language
from smalti.recipes.text.pairs import Translation
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.sentences import Labelling
from smalti.tokenizers import Tokenizer
from smalti.train.loop import Batches, Evaluator
from smalti.train.state import TrainState

__all__ = ["TEXT_TASKS", "System", "is_text", "open_system", "text_task"]

SYSTEMS = {"next-token": Language, "masked-token": Language, "seq2seq": Translation, "classify": Labelling}
KINDS = {"corpus": "next-token", "pairs": "seq2seq", "sentences": "classify"}  # the task that data suggests
TEXT_TASKS = ("next-token", "masked-token", "seq2seq")


class System(Protocol):
    """Data on text, encoded, with what a task makes of it."""

    task: str
    name: str
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    sizes: Mapping[str, int]
    """Of "train", "val" and "test", in tokens or rows."""
    reason: str
    """Why it is split so."""
    needed: int
    """Tokens that a model should see at once to read its rows; 0 where any number will do."""
    is_given: bool
    """Whether the data says what of it chooses or judges."""
    unit: str
    """What sizes count: "characters", "bytes", "pieces", "texts" or "pairs"."""

    @property
    def found(self) -> dict[str, int]:
        """What the data says of the model: vocab_size, num_classes."""
        ...

    def fingerprint(self) -> str:
        """A digest that changes when the data does."""
        ...

    def read(self, model: nn.Module, splits: Sequence[str]) -> tuple[Choice, ...]:
        """Reads parts as `model`, of which only the config counts, will read them; what there is to say of that. Raises
        InputError for a row that cannot be read so, naming its line."""
        ...

    def rehearsal(self, split: str, model: nn.Module) -> Self:
        """The same with little in a part, to see how long it takes."""
        ...

    def batches(self, recipe: TextRecipe, model: nn.Module) -> Batches:
        """What is learned from."""
        ...

    def objective(self, recipe: TextRecipe, state: TrainState) -> Objective:
        """What is learned."""
        ...

    def evaluator(self, recipe: TextRecipe, model: nn.Module) -> Evaluator:
        """What judges a model in training, on validation data."""
        ...

    def measure(self, model: nn.Module, split: str) -> TextEvaluation:
        """What the model reaches on a part; of n = 0 where that is empty."""
        ...

    def examples(self, model: nn.Module) -> list[tuple[str, str]]:
        """Texts that a finished model writes, with their titles, to look at."""
        ...

    def describe(self, batch: Batch) -> str:
        """Where a batch is from, for a message."""
        ...


def is_text(
    data: str | os.PathLike[str], task: str | None, columns: Columns | None = None, *, raw: bool = False
) -> bool:
    """Whether data is read as text: the task says so, or the data does, whose `columns` mean what is said of them. With
    `raw` every byte is to be a token, which any file is good for."""
    if task in TEXT_TASKS or (raw and task is None and not os.path.isdir(data)):
        return True
    return task in (None, "classify") and text_kind(data, columns, task) is not None


def text_task(data: str | os.PathLike[str], task: str | None, columns: Columns | None = None) -> str:
    """The task that is asked for, else what the data suggests."""
    return task or KINDS.get(text_kind(data, columns) or "corpus", "next-token")


def open_system(
    data: str | os.PathLike[str],
    task: str | None,
    tokens: TokensConfig,
    *,
    columns: Columns | None = None,
    seed: int = 0,
    tokenizer: Tokenizer | None = None,
) -> System:
    """Opens text.

    Args:
        data: a file or folder of running text, or a table of pairs or of labelled texts.
        task: else what the data suggests.
        tokens: how it becomes ids.
        columns: what those of a table mean, if they have other names.
        seed: of the split, where the data has none.
        tokenizer: of a finished model; else one is made of the data.

    Raises:
        InputError: it cannot be read, or is not for this task.
    """
    task = text_task(data, task, columns)
    return SYSTEMS[task].open(data, task, tokens, columns=columns, seed=seed, tokenizer=tokenizer)

"""A trained model asked about texts, or to continue them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smalti.data.text.rows import padded
from smalti.errors import InputError, SmaltiError
from smalti.ready_text.answers import ANSWERS, targets
from smalti.sample import write
from smalti.tokenizers import Tokenizer, enclosed, encode_marked

__all__ = ["TextModel", "TextPrediction", "no_beams"]

EMBEDDED = 32  # texts at a time


@dataclass(frozen=True)
class TextPrediction:
    """What a model says of one text.

    Args:
        text: what was asked; the file, where it is one that cannot be read.
        answer: the class; the text with its masks filled in; the likeliest next token; or the target of a source.
        probability: of the answer, of the least sure of several masks; None of a target.
        top: the likeliest answers with their probabilities, best first; of the first mask where there are several.
        error: why there is no answer; all else is empty then.
        remark: that a text was not read to its end; "" where there is nothing to say.
    """

    text: str
    answer: str = ""
    probability: float | None = None
    top: tuple[tuple[str, float], ...] = ()
    error: SmaltiError | None = None
    remark: str = ""

    @property
    def label(self) -> str:
        """The answer, by the name that it has of a picture: who does not know which kind of model answers asks so."""
        return self.answer

    def to_dict(self) -> dict[str, Any]:
        """The shape of a line of `predict --json`; the answer of a classifier is a label."""
        if self.error is not None:
            return {"text": self.text, "error": {"cause": self.error.cause, "mend": self.error.mend}}
        answer = {"text": self.text, "answer": self.answer} | ({"remark": self.remark} if self.remark else {})
        if self.probability is None:
            return answer
        return answer | {"probability": self.probability, "top": [list(t) for t in self.top]}


class TextModel:
    """A trained model of text with its tokenizer.

    Args:
        module: the network, on ids (B, N).
        task: "next-token", "masked-token", "seq2seq" or "classify".
        labels: the classes, in order; none for the others.
        tokenizer: between texts and ids.
        provenance: what made it.
        checksum: of its file; "" where it is of none.
    """

    def __init__(
        self,
        module: nn.Module,
        task: str,
        labels: Sequence[str],
        tokenizer: Tokenizer,
        *,
        provenance: dict[str, Any] | None = None,
        checksum: str = "",
    ) -> None:
        self.module: Any = module.eval()
        self.task = task
        self.labels = tuple(labels)
        self.tokenizer = tokenizer
        self.provenance = provenance or {}
        self.checksum = checksum

    def predict(
        self, texts: str | Iterable[str], *, top: int = 5, batch_size: int = 32, beams: int = 1
    ) -> list[TextPrediction]:
        """Answers for texts, in order: classes, what stands for each [MASK], what comes next, targets.

        Args:
            texts: one or many.
            top: how many answers to name.
            batch_size: texts at a time.
            beams: width of the beam search, for a model that writes a target; 1 is greedy.

        A text that the tokenizer cannot write gives a TextPrediction with `error`; the others are answered.
        """
        return list(self.stream(texts, top=top, batch_size=batch_size, beams=beams))

    def stream(
        self, texts: str | Iterable[str | SmaltiError], *, top: int = 5, batch_size: int = 32, beams: int = 1
    ) -> Iterator[TextPrediction]:
        """As `predict`, one by one as they are ready. In the place of a text may stand why it cannot be read."""
        for name, value in (("top", top), ("batch_size", batch_size), ("beams", beams)):
            if value < 1:
                raise InputError(f"--{name.replace('_', '-')} {value} is not 1 or more", mend="give a number above 0")
        no_beams(self.task, beams)
        ask = partial(targets, beams=beams) if self.task == "seq2seq" else ANSWERS[self.task]
        for some in in_turn(texts, batch_size):
            found = [self.encode(text) for text in some]
            rows = [ids for ids in found if isinstance(ids, np.ndarray)]
            answers = iter(ask(self, padded(rows).to(self.device), top) if rows else ())
            for text, ids in zip(some, found, strict=True):
                if isinstance(ids, SmaltiError):
                    yield TextPrediction(text.where if text is ids else str(text), error=ids)
                else:
                    answer, probability, likeliest = next(answers)
                    yield TextPrediction(text, answer, probability, likeliest, remark=self.cut(text, ids))

    def sample(self, prompt: str = "", *, n: int = 1, **options: Any) -> list[str]:
        """`n` continuations of a prompt, without it; options as those of `write`."""
        texts = [""] * n
        for parts in self.write([prompt] * n, **options):
            texts = [text + part for text, part in zip(texts, parts, strict=True)]
        return texts

    def write(
        self,
        prompts: Sequence[str],
        *,
        max_tokens: int = 500,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        stop: str | Sequence[str] = (),
    ) -> Iterator[list[str]]:
        """Continues texts; yields what each has grown by, as it comes.

        Args:
            prompts: B texts; an empty one is taken for `opening`.
            max_tokens: how many tokens follow at most.
            temperature: below 1 for the likelier, above 1 for variety; 0 always takes the likeliest.
            top_k: how many of the likeliest tokens may follow; None for all.
            top_p: the share of probability that may follow; None for all.
            seed: equal seeds draw equal texts.
            stop: a text that ends a text, and is not part of it; or several.

        Raises:
            InputError: the model does not continue texts, or a prompt holds what it has no id for.
        """
        if self.task != "next-token":
            raise InputError(
                f"this model is for {self.task}, it does not continue texts", mend="smalti predict asks it"
            )
        if max_tokens < 1:
            raise InputError(f"max_tokens {max_tokens} is not 1 or more", mend="give a number above 0")
        options = {"max_tokens": max_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        prompts = [prompt or self.opening for prompt in prompts]
        return write(self.module, self.tokenizer, prompts, stop=stop, device=self.device, **options)

    @torch.inference_mode()
    def embed(self, texts: str | Iterable[str]) -> Tensor:
        """Features (B, D): the mean over the tokens of each text. Raises InputError where there is none, or the model
        is one of pairs, whose features are of a source and a target together."""
        if self.task == "seq2seq":
            what = "a model of pairs has no features of a text alone"
            raise InputError(what, mend="embed with a model for another task: next-token, masked-token, classify")
        found = []
        for some in in_turn(texts, EMBEDDED):
            tokens = padded([self.ids(text) for text in some]).to(self.device)
            real = (tokens >= 0)[..., None]
            features = (self.module.forward_features(tokens) * real).sum(1) / real.sum(1).clamp(min=1)
            found.append(features.float().cpu())
        if not found:
            raise InputError("there are no texts to embed", mend="give one or more")
        return torch.cat(found)

    def ids(self, text: str) -> NDArray[np.int64]:
        """The ids (N,) of a text as the model was trained to read it. Where it is not to be classified, marks such as
        [MASK] are read. Raises InputError for what has no id, or is no text."""
        if not isinstance(text, str):
            raise InputError(f"a {type(text).__name__} where a text is expected", mend="give a str")
        if self.task == "classify":
            return enclosed(self.tokenizer, self.tokenizer.encode(text), self.longest)
        ids = encode_marked(self.tokenizer, text)
        return enclosed(self.tokenizer, ids) if self.task == "masked-token" else ids

    def encode(self, text: str | SmaltiError) -> NDArray[np.int64] | SmaltiError:
        """The ids (N,) of a text that is asked about, or why there is no answer."""
        if isinstance(text, SmaltiError):
            return text
        try:
            ids, most = self.ids(text), self.longest
            if not text or not len(ids):
                raise InputError("an empty text", mend="give one character or more")
            if self.task == "masked-token" and self.tokenizer.special("mask") not in ids:
                raise InputError("there is no [MASK] in it", mend='write "The [MASK] sat"')
            if self.task == "next-token":
                return ids if most is None else ids[-most:]
            if most is not None and len(ids) > most:
                raise InputError(f"{len(ids)} tokens are more than the {most} the model takes", mend="shorten the text")
            return ids
        except SmaltiError as error:
            return error

    def cut(self, text: str, ids: NDArray[np.int64]) -> str:
        """The remark on a text to classify of which `ids` (N,) leave something out; "" where they are all of it."""
        if self.task != "classify" or len(ids) != self.longest:
            return ""
        n = len(enclosed(self.tokenizer, self.tokenizer.encode(text)))
        return f"only the first {len(ids):,} of {n:,} tokens are read" if n > len(ids) else ""

    @property
    def opening(self) -> str:
        """What an empty prompt is taken for: a line break, behind which anything may begin; of an alphabet without one,
        such as that of DNA, the first character."""
        try:
            self.tokenizer.encode("\n")
        except InputError:
            return self.tokenizer.decode([0])
        return "\n"

    @property
    def longest(self) -> int | None:
        """Tokens the model sees at once; None for any number."""
        return getattr(self.module.config, "max_len", None)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.module.parameters()).device

    def __repr__(self) -> str:
        return f"TextModel({self.task}, {self.tokenizer.vocab_size} ids, {type(self.module).__name__})"


def no_beams(task: str, beams: int) -> None:
    """Raises InputError where beams are asked of a model that writes no targets."""
    if beams != 1 and task != "seq2seq":
        raise InputError(f"beams are for models of pairs, this one is for {task}", mend="leave them out")


def in_turn(texts: str | Iterable[Any], size: int) -> Iterator[list[Any]]:
    """One text or many, so many at a time."""
    rest = iter([texts] if isinstance(texts, str) else texts)
    while some := list(islice(rest, size)):
        yield some

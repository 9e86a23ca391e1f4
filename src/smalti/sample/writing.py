"""Text that is written while it is drawn."""

from collections.abc import Iterator, Sequence
from typing import Any

from smalti.sample.autoregressive import Generative, generate
from smalti.tokenizers import Streaming, Tokenizer

__all__ = ["Until", "write"]


def write(
    model: Generative, tokenizer: Tokenizer, prompts: Sequence[str], *, stop: str | Sequence[str] = (), **options: Any
) -> Iterator[list[str]]:
    """Continues texts, and yields what each has grown by, as it comes: B strings, often empty ones.

    Args:
        model: in evaluation mode, of the tokenizer's vocabulary.
        tokenizer: of prompts and answers; its special id "end", where it has one, ends a text.
        prompts: B texts.
        stop: a text that ends a text, and is not part of it; or several.
        options: of `generate`.
    """
    end_ids = {tokenizer.special("end")} if "end" in tokenizer.specials else set()
    ids = [tokenizer.encode(prompt) for prompt in prompts]
    stops = [stop] if isinstance(stop, str) else stop
    decoders, ends = [Streaming(tokenizer) for _ in ids], [Until(stops) for _ in ids]
    for step in generate(model, ids, stop=end_ids, **options):
        yield [end(decode([i])) for i, decode, end in zip(step.tolist(), decoders, ends, strict=True)]
        if all(end.reached for end in ends):
            return
    yield [end(decode([], last=True), last=True) for decode, end in zip(decoders, ends, strict=True)]


class Until:
    """Lets text pass until one of some texts comes. What may be the beginning of one is held back."""

    def __init__(self, ends: Sequence[str]) -> None:
        self.ends = [end for end in ends if end]
        self.held, self.reached = "", False

    def __call__(self, text: str, *, last: bool = False) -> str:
        """What of `text`, and of what was held back, may be shown; with `last`, all that is left."""
        if self.reached:
            return ""
        text = self.held + text
        found = [place for place in map(text.find, self.ends) if place >= 0]
        if found:
            self.held, self.reached = "", True
            return text[: min(found)]
        longest = max((n for end in self.ends for n in range(1, len(end)) if text.endswith(end[:n])), default=0)
        keep = 0 if last else longest
        self.held = text[len(text) - keep :]
        return text[: len(text) - keep]

"""`smalti sample`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from smalti.cli.options import Device, Json, Model, Whole
from smalti.cli.output import write_json

__all__ = ["sample"]


def sample(
    model: Model,
    /,
    *,
    prompt: Annotated[str, Parameter(help="What the text begins with.")] = "",
    n: Annotated[Whole, Parameter(name=("--n", "-n"), help="How many texts.")] = 1,
    max_tokens: Annotated[Whole, Parameter(help="How many tokens follow at most.")] = 500,
    temperature: Annotated[
        float, Parameter(help="Below 1 for the likelier, above 1 for variety; 0 always takes the likeliest.")
    ] = 0.8,
    top_k: Annotated[Whole | None, Parameter(help="How many of the likeliest tokens may follow; else all.")] = None,
    top_p: Annotated[float | None, Parameter(help="The share of probability that may follow; else all.")] = None,
    stop: Annotated[tuple[str, ...], Parameter(help="A text that ends the text; repeatable.")] = (),
    seed: Annotated[Whole, Parameter(help="Equal seeds draw equal texts.")] = 0,
    out: Annotated[Path | None, Parameter(help="Write to this file instead of the terminal.")] = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Write text with a model trained on text: it goes on from the prompt, and shows each token as it comes."""
    from smalti import answering
    from smalti.files import require_place, write_durably

    if out is not None:
        require_place(out)
    options = {"max_tokens": max_tokens, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    parts = answering.sample(model, prompt, n=n, stop=stop, device=device, **options)
    texts, shown = [prompt] * n, 0
    live = n == 1 and out is None and not json
    for step in parts:
        texts = [text + part for text, part in zip(texts, step, strict=True)]
        if live:
            sys.stdout.write(texts[0][shown:])  # the prompt too, once it is known to be one
            sys.stdout.flush()
            shown = len(texts[0])
    if live:
        sys.stdout.write("\n")
    elif out is not None:
        write_durably(out, SEPARATOR.join(texts) + "\n")
    elif not json:
        sys.stdout.write(SEPARATOR.join(texts) + "\n")
    if json:
        for text in texts:
            write_json({"prompt": prompt, "text": text[len(prompt) :]})


SEPARATOR = f"\n{'-' * 16}\n"

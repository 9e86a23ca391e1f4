"""The tokenizer that lies beside published GPT-2 weights."""

import json
import os
from pathlib import Path
from typing import Any

from smalti.errors import InputError
from smalti.tokenizers.bpe import BPE, signs_of

__all__ = ["read_gpt2"]

_END = "<|endoftext|>"


def read_gpt2(folder: str | os.PathLike[str]) -> BPE | None:
    """The byte pair encoding of a folder with `tokenizer.json`, or with `merges.txt` and `vocab.json`; None where there
    is none. "<|endoftext|>" is the special id "end".

    Raises:
        InputError: a file cannot be read, or it is not like GPT-2's: its ids do not follow from its merges.
    """
    folder = Path(folder)
    try:
        if (folder / "tokenizer.json").exists():
            about: dict[str, Any] = json.loads((folder / "tokenizer.json").read_text("utf-8"))
            if about["model"]["type"] != "BPE":
                return None
            vocab = about["model"]["vocab"] | {added["content"]: added["id"] for added in about["added_tokens"]}
            lines = about["model"]["merges"]
        elif (folder / "merges.txt").exists():
            vocab = json.loads((folder / "vocab.json").read_text("utf-8"))
            text = (folder / "merges.txt").read_text("utf-8")
            lines = [line for line in text.split("\n") if line and not line.startswith("#version:")]
        else:
            return None
        pairs = (line.split(" ") if isinstance(line, str) else line for line in lines)
        made = BPE.from_gpt2([(left, right) for left, right in pairs], ("end",) if _END in vocab else ())
        ids = {signs_of(piece): i for i, piece in enumerate(made.pieces)}
        if ids | ({_END: made.special("end")} if made.specials else {}) != vocab:
            raise ValueError("its ids do not follow from its merges")
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{error!r}" if isinstance(error, KeyError) else str(error)
        mend = "only tokenizers like GPT-2's are read"
        raise InputError("the tokenizer cannot be read", where=folder, why=why, mend=mend) from error
    return made

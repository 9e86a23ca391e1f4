"""A folder of GPT-2 or BERT as a model of text."""

from dataclasses import fields

from smalti.errors import InputError
from smalti.importing.outputs import find_labels
from smalti.importing.translated import Translated, Wanted, provenance, where_from
from smalti.modelfile import ModelFile
from smalti.models import build, preset_config
from smalti.nn.blank import Blank
from smalti.tokenizers import read_published_tokenizer
from smalti.weights import Published, load_strictly, options_of, to_ours
from smalti.weights.text import fresh_head

__all__ = ["text_model"]

PRESETS = {"gpt": "gpt2", "bert": "bert_base"}  # what published models of text are, but for their sizes
TASKS = {"gpt": "next-token", "bert": "masked-token"}  # without classes
HEADLESS = "it has no head: the one that guesses hidden tokens begins anew here (smalti train TEXT --from trains it)"


def text_model(published: Published, wanted: Wanted) -> Translated:
    """The model that a folder of GPT-2 or BERT holds. Raises InputError where what is wanted is for pictures."""
    where = published.origin or published.path
    for name in (one.name for one in fields(Wanted) if one.name not in ("preset", "labels")):
        if getattr(wanted, name) is not None:
            raise InputError(f"{name} is for models of pictures", where=where, mend="leave it out")
    family, options = options_of(published.config, published.state)
    tokenizer = read_published_tokenizer(published.path)
    names, state = to_ours(published.state, family)
    remarks = [f"{len(published.state)} tensors with the names of {names}"]
    spare = options["vocab_size"] - tokenizer.vocab_size
    if spare < 0:
        what = f"its tokenizer has {tokenizer.vocab_size} ids, its weights {options['vocab_size']}"
        raise InputError(what, where=where, mend="get the tokenizer that belongs to the weights")
    if spare:
        remarks.append(f"{spare} ids beyond the tokenizer's are left out")
    for name in ("token_embed.weight", "head.bias"):
        if name in state and len(state[name]) == options["vocab_size"]:
            state[name] = state[name][: tokenizer.vocab_size]
    family, config = preset_config(PRESETS[family], **options | {"vocab_size": tokenizer.vocab_size})
    if family == "bert" and not any(name.startswith(("head.", "pre_logits.")) for name in state):
        state |= fresh_head(config.embed_dim, config.vocab_size)
        remarks.append(HEADLESS)
    with Blank():
        module = build(family, config)
    load_strictly(module, state, where=where)
    classes = options.get("num_classes", 0)
    model = ModelFile(
        family,
        module.eval(),
        "classify" if classes else TASKS[family],
        find_labels(published, classes, wanted.labels, remarks) if classes else (),
        tokenizer,
        provenance=provenance(PRESETS[family], module, where_from(published)),
    )
    return Translated(model, names, tuple(remarks))

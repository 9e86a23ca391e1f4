"""GPT-2 and BERT as transformers has them: the names of their weights, and what its config.json says of their sizes.

GPT-2's linear layers are stored with inputs before outputs. Logits from the embedding's own table are stored with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from smalti.errors import InputError, few
from smalti.weights.huggingface import task_of
from smalti.weights.names import Names, Row

__all__ = ["ACTS", "TEXT", "Dialect", "fresh_head", "options_of", "text_from_huggingface", "text_to_huggingface"]


def block(ours: str, theirs: str, names: Mapping[str, str]) -> tuple[Row, ...]:
    """The rows of a block, weight and bias each."""
    return tuple((f"{ours}.{one}.{{p}}", f"{theirs}.{other}.{{p}}") for one, other in names.items())


GPT2 = Names(
    (
        ("token_embed.weight", "transformer.wte.weight"),
        ("positions.table", "transformer.wpe.weight"),
        *block(
            "blocks.{i}",
            "transformer.h.{i}",
            {
                "norm1": "ln_1",
                "attn.qkv": "attn.c_attn",
                "attn.proj": "attn.c_proj",
                "norm2": "ln_2",
                "mlp.fc1": "mlp.c_fc",
                "mlp.fc2": "mlp.c_proj",
            },
        ),
        ("norm.{p}", "transformer.ln_f.{p}"),
    ),
    ("lm_head.weight", "transformer.h.{i}.attn.bias", "transformer.h.{i}.attn.masked_bias"),  # tied; causal masks
)
EMBEDDINGS, LAYER = "bert.embeddings", "bert.encoder.layer.{i}"
BERT: tuple[Row, ...] = (
    ("token_embed.weight", f"{EMBEDDINGS}.word_embeddings.weight"),
    ("positions.table", f"{EMBEDDINGS}.position_embeddings.weight"),
    ("segment_embed.weight", f"{EMBEDDINGS}.token_type_embeddings.weight"),
    ("embed_norm.{p}", f"{EMBEDDINGS}.LayerNorm.{{p}}"),
    *(
        (f"blocks.{{i}}.attn.qkv.{p}", tuple(f"{LAYER}.attention.self.{one}.{p}" for one in ("query", "key", "value")))
        for p in ("weight", "bias")
    ),
    *block(
        "blocks.{i}",
        LAYER,
        {
            "attn.proj": "attention.output.dense",
            "norm1": "attention.output.LayerNorm",
            "mlp.fc1": "intermediate.dense",
            "mlp.fc2": "output.dense",
            "norm2": "output.LayerNorm",
        },
    ),
)
TIED = ("cls.predictions.decoder.{p}",)
UNUSED = (f"{EMBEDDINGS}.position_ids", "cls.seq_relationship.{p}")
BERT_MASKED = Names(
    (
        *BERT,
        ("pre_logits.fc.{p}", "cls.predictions.transform.dense.{p}"),
        ("pre_logits.norm.{p}", "cls.predictions.transform.LayerNorm.{p}"),
        ("head.bias", "cls.predictions.bias"),
    ),
    (*UNUSED, *TIED, "bert.pooler.dense.{p}"),
)
BERT_CLASSES = Names(
    (*BERT, ("pre_logits.fc.{p}", "bert.pooler.dense.{p}"), ("head.{p}", "classifier.{p}")),
    (*UNUSED, "cls.predictions.{rest}"),
)
CLASSIFIER = "BertForSequenceClassification"
TRUNK = ("embeddings.", "encoder.", "pooler.", "cls.")  # what names start with but for those of other heads
OLD = {".gamma": ".weight", ".beta": ".bias"}  # of norms, in the first files


@dataclass(frozen=True)
class Dialect:
    """A family of text as transformers has it.

    Args:
        kind: its "model_type".
        prefix: of all names but those of the head.
        head: what the names of the head start with.
        turned: what the names of layers stored with inputs first have in them.
        sizes: what it calls the fields of our config.
        said: what its config.json has to say for us to have such a model.
    """

    kind: str
    prefix: str
    head: tuple[str, ...]
    turned: tuple[str, ...]
    sizes: Mapping[str, str]
    said: Mapping[str, tuple[Any, ...]]


TEXT = {
    "gpt": Dialect(
        "gpt2",
        "transformer.",
        ("lm_head.",),
        (".c_attn.weight", ".c_proj.weight", ".c_fc.weight"),
        {
            "vocab_size": "vocab_size",
            "max_len": "n_positions",
            "embed_dim": "n_embd",
            "depth": "n_layer",
            "num_heads": "n_head",
            "norm_eps": "layer_norm_epsilon",
            "drop_rate": "resid_pdrop",
            "attn_drop": "attn_pdrop",
        },
        {
            "activation_function": ("gelu_new", "gelu_pytorch_tanh", "gelu", None),
            "tie_word_embeddings": (True, None),
            "scale_attn_by_inverse_layer_idx": (False, None),
            "scale_attn_weights": (True, None),
        },
    ),
    "bert": Dialect(
        "bert",
        "bert.",
        ("cls.", "classifier."),
        (),
        {
            "vocab_size": "vocab_size",
            "max_len": "max_position_embeddings",
            "embed_dim": "hidden_size",
            "depth": "num_hidden_layers",
            "num_heads": "num_attention_heads",
            "norm_eps": "layer_norm_eps",
            "segments": "type_vocab_size",
            "drop_rate": "hidden_dropout_prob",
            "attn_drop": "attention_probs_dropout_prob",
        },
        {
            "hidden_act": ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", None),
            "position_embedding_type": ("absolute", None),
            "tie_word_embeddings": (True, None),
            "is_decoder": (False, None),
        },
    ),
}
ACTS = {"gelu_pytorch_tanh": "gelu_tanh", "gelu_new": "gelu_tanh", "gelu": "gelu", "relu": "relu"}


def text_from_huggingface(state: Mapping[str, Tensor], family: str) -> dict[str, Tensor]:
    """The state dict of a model of `family` ("gpt" or "bert") in transformers, under our names. Without a head there,
    there is none here: `fresh_head` is one."""
    about = TEXT[family]
    named = {}
    for name, tensor in state.items():
        for old, new in OLD.items():
            name = name.removesuffix(old) + new if name.endswith(old) else name
        name = name if name.startswith((about.prefix, *about.head)) else about.prefix + name
        named[name] = tensor.T.contiguous() if name.endswith(about.turned) else tensor
    return names_of(family, "classifier.weight" in named).to_ours(named)


def fresh_head(embed_dim: int, vocab_size: int) -> dict[str, Tensor]:
    """A head of a BERT that guesses hidden tokens and has learned nothing, under our names; always the same."""
    weight = torch.empty(embed_dim, embed_dim).normal_(std=0.02, generator=torch.Generator().manual_seed(0))
    return {
        "pre_logits.fc.weight": weight,
        "pre_logits.fc.bias": torch.zeros(embed_dim),
        "pre_logits.norm.weight": torch.ones(embed_dim),
        "pre_logits.norm.bias": torch.zeros(embed_dim),
        "head.bias": torch.zeros(vocab_size),
    }


def text_to_huggingface(state: Mapping[str, Tensor], family: str) -> dict[str, Tensor]:
    """Our state dict under the names transformers gives a model of `family` with its head."""
    named = names_of(family, "head.weight" in state).to_theirs(state)
    turned = TEXT[family].turned
    return {name: tensor.T.contiguous() if name.endswith(turned) else tensor for name, tensor in named.items()}


def names_of(family: str, classes: bool) -> Names:
    """The table for a model of `family`, which reads a class or says ids."""
    if family == "gpt":
        return GPT2
    return BERT_CLASSES if classes else BERT_MASKED


def options_of(told: Mapping[str, Any], state: Mapping[str, Tensor]) -> tuple[str, dict[str, Any]]:
    """The family, and the fields of its config, that a config.json of transformers describes.

    Args:
        told: the config.json.
        state: the weights beside it, under transformers' names: whether there is a head for classes is seen there.

    Raises:
        InputError: it is of another kind, or has what our model has not.
    """
    kind = told.get("model_type")
    family = next((name for name, about in TEXT.items() if about.kind == kind), None)
    if family is None:
        raise InputError(
            f'"{kind}" is no kind of text model', mend=f"one of {', '.join(a.kind for a in TEXT.values())}"
        )
    about = TEXT[family]
    for name, values in about.said.items():
        if told.get(name) not in values:
            what = f"{name} = {told[name]!r} in config.json is something smalti's {family} has not"
            raise InputError(what, mend="use transformers")
    options = {ours: told[theirs] for ours, theirs in about.sizes.items() if theirs in told}
    act = told.get("activation_function", "gelu_new") if family == "gpt" else told.get("hidden_act", "gelu")
    inner = told.get("n_inner") if family == "gpt" else told.get("intermediate_size")
    if inner:
        options["mlp_ratio"] = inner / options["embed_dim"]
    if "classifier.weight" in state:
        options["num_classes"] = len(state["classifier.weight"])
        refuse_other_heads(told, options["num_classes"])
    elif family == "bert" and (others := [name for name in state if not name.removeprefix("bert.").startswith(TRUNK)]):
        what = f"it has a head that smalti has not ({few(others)}): a BERT guesses hidden tokens here, or names a class"
        raise InputError(what, mend="use transformers")
    return family, {**options, "mlp": ACTS[act]}


def refuse_other_heads(told: Mapping[str, Any], classes: int) -> None:
    """Raises InputError where a `classifier` is other than a class for a text: of each token or of several texts, whose
    weights look the same, or with answers that are no class.
    """
    named = told.get("architectures") or [CLASSIFIER]
    if named != [CLASSIFIER]:
        what = f"architectures = {named!r} in config.json is something smalti has not: it reads one class off a text"
        raise InputError(what, mend="use transformers")
    if (task := task_of(told, classes)) != "classify":
        what = f'a text model for "{task}" is something smalti has not: it reads one class off a text'
        raise InputError(what, mend="use transformers")

"""GPT-2, BERT and Marian of transformers and ours give the same logits with the same random weights, in both
directions.
"""

import pytest
import torch

from smalti.errors import InputError
from smalti.export.configs import HUGGINGFACE
from smalti.models import FAMILIES, build, create_model
from smalti.models.registry import with_options
from smalti.weights import load_strictly, options_of, read_published, text_to_huggingface, to_ours

transformers = pytest.importorskip("transformers")

GPT2 = {"vocab_size": 50, "n_positions": 16, "n_embd": 24, "n_layer": 3, "n_head": 4}
BERT = {
    "vocab_size": 50,
    "max_position_embeddings": 16,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 60,
}
CASES = {  # class, config, family
    "gpt2": ("GPT2LMHeadModel", GPT2, "gpt"),
    "gpt2, other sizes": ("GPT2LMHeadModel", {**GPT2, "n_inner": 50, "activation_function": "gelu"}, "gpt"),
    "bert, masked": ("BertForMaskedLM", BERT, "bert"),
    "bert, classes": ("BertForSequenceClassification", {**BERT, "num_labels": 5, "hidden_act": "relu"}, "bert"),
    "bert, as published": ("BertForPreTraining", BERT, "bert"),
}
TOKENS = torch.randint(50, (3, 11), generator=torch.Generator().manual_seed(0))
SEGMENTS = (torch.arange(11) > 4).long().expand(3, -1)


def theirs(case: str):
    name, options, _ = CASES[case]
    torch.manual_seed(0)
    cls = getattr(transformers, name)
    return randomised(cls(cls.config_class(**options)).eval())


def randomised(model):
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def answer(model, family: str) -> torch.Tensor:
    more = {} if family == "gpt" else {"token_type_ids": SEGMENTS}
    out = model(TOKENS, **more)
    return out.prediction_logits if "prediction_logits" in out else out.logits


def our_answer(model, family: str) -> torch.Tensor:
    return model(TOKENS) if family == "gpt" else model(TOKENS, SEGMENTS)


def relative(x, y):
    assert x.shape == y.shape
    return ((x - y).abs().max() / y.abs().max()).item()


@pytest.mark.parametrize("case", CASES)
def test_what_transformers_writes_gives_the_same_answers_here(case, tmp_path):
    other = theirs(case)
    other.save_pretrained(tmp_path)
    published = read_published(tmp_path)
    family, options = options_of(published.config, published.state)
    assert family == CASES[case][2]
    mine = build(family, with_options(FAMILIES[family].config(), options)).eval()
    names, state = to_ours(published.state, family)
    assert names == "transformers"
    load_strictly(mine, state, where=tmp_path)
    with torch.no_grad():
        assert relative(our_answer(mine, family), answer(other, family)) <= 1e-5


@pytest.mark.parametrize("case", [case for case in CASES if case != "bert, as published"])
def test_transformers_takes_our_names(case):
    other, family = theirs(case), CASES[case][2]
    _, options = options_of(other.config.to_dict(), other.state_dict())
    mine = randomised(build(family, with_options(FAMILIES[family].config(), options)).eval())
    named = text_to_huggingface(mine.state_dict(), family)
    loaded = type(other).from_pretrained(None, config=other.config, state_dict=named).eval()
    with torch.no_grad():
        assert relative(our_answer(mine, family), answer(loaded, family)) <= 1e-5


def test_our_config_json_makes_their_model():
    for name, options in (
        ("gpt_char_mini", {"mlp": "gelu_tanh", "mlp_ratio": 2.5}),
        ("gpt_char_mini", {"drop_rate": 0.1}),
        ("bert_mini", {"wiring": "post", "mlp": "relu", "mlp_ratio": 3}),
        ("bert_mini", {"wiring": "post", "num_classes": 5}),
    ):
        torch.manual_seed(0)
        mine = create_model(name, vocab_size=50, max_len=16, embed_dim=24, depth=2, num_heads=4, **options).eval()
        randomised(mine)
        family = name.split("_")[0]
        cls, told = HUGGINGFACE[family](mine.config)
        made = getattr(transformers, cls)
        config = made.config_class(**told, num_labels=options.get("num_classes", 2))
        other = made.from_pretrained(None, config=config, state_dict=text_to_huggingface(mine.state_dict(), family))
        with torch.no_grad():
            assert relative(our_answer(mine, family), answer(other.eval(), family)) <= 1e-5
        back, fields = options_of(told | {"num_labels": 5}, text_to_huggingface(mine.state_dict(), family))
        assert build(back, with_options(FAMILIES[back].config(), fields)).config == mine.config


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gpt_char_mini", {"pos_embed": "rope"}, '"rope" positions'),
        ("gpt_char_mini", {"tied": False}, "a head of its own"),
        ("bert_mini", {"wiring": "pre"}, '"pre" wiring'),
        ("bert_mini", {"wiring": "post", "norm": "rms"}, "RMSNorm"),
    ],
)
def test_what_transformers_has_no_class_for_is_refused(name, options, message):
    with pytest.raises(InputError) as error:
        HUGGINGFACE[name.split("_")[0]](create_model(name, **options).config)
    assert message in str(error.value)


def test_the_oldest_names_of_norms_are_known():
    state = theirs("bert, masked").state_dict()
    old = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
           for name, tensor in state.items()}  # fmt: skip
    assert old.keys() != state.keys()
    assert to_ours(old, "bert")[1].keys() == to_ours(state, "bert")[1].keys()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"model_type": "llama"}, '"llama" is no kind of text model'),
        ({"model_type": "gpt2", "activation_function": "silu"}, "activation_function = 'silu'"),
        ({"model_type": "bert", "position_embedding_type": "relative_key"}, "position_embedding_type"),
    ],
)
def test_a_config_we_have_no_model_for_is_refused(told, message):
    with pytest.raises(InputError) as error:
        options_of(told, {})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("BertForTokenClassification", {}, "architectures = ['BertForTokenClassification']"),
        ("BertForMultipleChoice", {}, "architectures = ['BertForMultipleChoice']"),
        ("BertForSequenceClassification", {"problem_type": "multi_label_classification"}, 'for "multilabel"'),
        ("BertForSequenceClassification", {"num_labels": 3, "problem_type": "regression"}, 'for "regress"'),
        ("BertForSequenceClassification", {"num_labels": 1}, 'for "regress"'),
    ],
)
def test_a_classifier_of_other_things_than_texts_is_refused(name, options, message, tmp_path):
    cls = getattr(transformers, name)
    cls(cls.config_class(**BERT, **options)).save_pretrained(tmp_path)
    published = read_published(tmp_path)
    with pytest.raises(InputError) as error:
        options_of(published.config, published.state)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_marian_is_the_original_encoder_decoder():
    config = transformers.MarianConfig(
        vocab_size=50, d_model=24, encoder_layers=2, decoder_layers=3, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=16,
        scale_embedding=True, activation_function="relu", pad_token_id=0, decoder_start_token_id=0, eos_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    other = transformers.MarianMTModel(config).eval()
    for name, parameter in other.named_parameters():
        if "positions" not in name:
            torch.nn.init.normal_(parameter, std=0.2)
    torch.nn.init.normal_(other.final_logits_bias)
    mine = create_model(
        "seq2seq_base", vocab_size=50, max_len=16, embed_dim=24, depth=2, decoder_depth=3, num_heads=4, mlp_ratio=2
    ).eval()
    mine.load_state_dict(from_marian(other.state_dict(), mine.state_dict()))
    source, tokens = TOKENS[:, :7], TOKENS[:, 3:]
    with torch.no_grad():
        found = other(input_ids=source, attention_mask=torch.ones_like(source), decoder_input_ids=tokens).logits
        assert relative(mine(source, tokens), found) <= 1e-5


def from_marian(theirs, ours):
    """Their state dict under our names."""
    layer = {
        "attn.proj": "self_attn.out_proj", "norm1": "self_attn_layer_norm", "cross.q": "encoder_attn.q_proj",
        "cross.proj": "encoder_attn.out_proj", "norm_cross": "encoder_attn_layer_norm", "mlp.fc1": "fc1",
        "mlp.fc2": "fc2", "norm2": "final_layer_norm",
    }  # fmt: skip
    joined = {"attn.qkv": ("self_attn", "qkv"), "cross.kv": ("encoder_attn", "kv")}
    state = {"token_embed.weight": theirs["model.shared.weight"], "head.bias": theirs["final_logits_bias"][0]}
    for name in ours.keys() - state.keys():
        side, _, i, part, kind = name.split(".", 3)[0:3] + name.split(".", 3)[3].rsplit(".", 1)
        there = f"model.{side}.layers.{i}"
        if part in joined:
            inner, letters = joined[part]
            state[name] = torch.cat([theirs[f"{there}.{inner}.{letter}_proj.{kind}"] for letter in letters])
        else:
            state[name] = theirs[f"{there}.{layer[part]}.{kind}"]
    return state

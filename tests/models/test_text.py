"""What holds for every model of text: no leak from the future, cached equals uncached, padding changes nothing, any
precision trains, one batch can be learned by heart.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from tests.hollow import hollow
from tests.learning import last_loss

from smalti.api import describe_model
from smalti.errors import InputError
from smalti.models import FAMILIES, create_model
from smalti.nn.inference import for_inference
from smalti.nn.precision import in_precision

V = 23
GPT = {"vocab_size": V, "max_len": 24, "embed_dim": 32, "depth": 2, "num_heads": 4}
RNN = {"vocab_size": V, "embed_dim": 32, "hidden_dim": 32}
PAIRS = {**GPT, "depth": 1, "decoder_depth": 2}
LANGUAGE = {
    "GPT-2": ("gpt_char_mini", {**GPT, "mlp": "gelu_tanh"}),
    "Llama's parts": ("gpt_char_mini", {**GPT, "pos_embed": "rope", "norm": "rms", "mlp": "swiglu", "tied": False}),
    "first published": ("gpt_char_mini", {**GPT, "pos_embed": "sincos", "wiring": "post", "mlp": "relu"}),
    "rnn": ("rnn_char", RNN),
    "lstm": ("lstm_char", RNN),
    "gru": ("gru_char", RNN),
    "own lstm": ("lstm_char", {**RNN, "hidden_dim": 24, "tied": False, "fused": False}),
    "own gru": ("gru_char", {**RNN, "fused": False}),
}
SEQ2SEQ = {
    "today": ("seq2seq_mini", {**PAIRS, "pos_embed": "rope", "drop_rate": 0.0}),
    "first published": ("seq2seq_base", {**PAIRS, "drop_rate": 0.0}),
    "lstm": ("lstm_seq2seq_mini", {"vocab_size": V, "embed_dim": 48, "drop_rate": 0.0}),
    "gru without attention": (
        "gru_seq2seq_mini",
        {"vocab_size": V, "embed_dim": 48, "drop_rate": 0.0, "attention": False, "fused": False},
    ),
}
READERS = {
    "masked": ("bert_mini", GPT),
    "classes": ("bert_mini", {**GPT, "num_classes": 5}),
    "pre-norm, rotary": ("bert_mini", {**GPT, "wiring": "pre", "pos_embed": "rope"}),
}
PAD = torch.full((3, 4), -1)
TOKENS = torch.randint(V, (3, 12), generator=torch.Generator().manual_seed(1))
SOURCE = torch.randint(V, (3, 9), generator=torch.Generator().manual_seed(2))


def made(case):
    name, options = case
    torch.manual_seed(0)
    model = create_model(name, **options).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3 if "gpt" in name or "bert" in name else 0.2)
    return model


def close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=2e-5)


def padded(tokens, sides):
    """Each row with padding on the side named, "l" or "r", or on both."""
    rows = zip(tokens, sides, strict=True)
    half = PAD.shape[1] // 2
    cuts = {"l": (PAD.shape[1], 0), "r": (0, PAD.shape[1]), "b": (half, half)}
    return torch.stack([F.pad(row, cuts[side], value=-1) for row, side in rows])


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("case", LANGUAGE)
def test_nothing_leaks_from_the_future(case, gradients):
    model, changed = made(LANGUAGE[case]), TOKENS.clone()
    changed[:, 7:] = (changed[:, 7:] + 5) % V
    with torch.set_grad_enabled(gradients):
        before, after = model(TOKENS), model(changed)
    assert torch.equal(before[:, :7], after[:, :7])
    assert (before[:, 7:] - after[:, 7:]).abs().amax((0, 2)).min() > 1e-3


@pytest.mark.parametrize("case", LANGUAGE)
def test_continued_equals_at_once(case):
    model, tokens = made(LANGUAGE[case]), padded(TOKENS, "lrb")
    for whole in (TOKENS, tokens):
        said, memory = [], None
        for piece in whole.split([5, 1, 1, whole.shape[1] - 7], dim=1):
            logits, memory = model.extend(piece, memory)
            said.append(logits)
        real = whole >= 0
        with torch.no_grad():
            close(torch.cat(said, 1)[real], model(whole)[real])


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("case", LANGUAGE)
def test_padding_on_either_side_changes_nothing(case, gradients):
    model, tokens = made(LANGUAGE[case]), padded(TOKENS, "lrb")
    with torch.set_grad_enabled(gradients):
        found, wanted = model(tokens), model(TOKENS)
    assert found.isfinite().all()
    close(found[tokens >= 0].view_as(wanted), wanted)


@pytest.mark.parametrize("case", LANGUAGE)
def test_a_row_of_padding_only_does_no_harm(case):
    model, tokens = made(LANGUAGE[case]), padded(TOKENS, "lrb")
    tokens[1] = -1
    loss = model(tokens)[tokens >= 0].square().mean()
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("case", LANGUAGE)
def test_learns_one_batch(case):
    torch.manual_seed(0)
    name, options = LANGUAGE[case]
    model = create_model(name, **options).train()

    def loss():
        return F.cross_entropy(model(TOKENS[:, :-1]).flatten(0, 1), TOKENS[:, 1:].flatten())

    assert loss() < math.log(V) + 1
    assert last_loss(model, loss, lr=2e-2, limit=0.1, steps=150) < 0.1


@pytest.mark.parametrize("case", [*LANGUAGE, *SEQ2SEQ])
def test_bf16_gradients_point_the_same_way(case):
    pairs = case not in LANGUAGE
    model = made((SEQ2SEQ if pairs else LANGUAGE)[case])
    inputs = (SOURCE, TOKENS) if pairs else (TOKENS,)

    def gradients(precision):
        model.zero_grad()
        logits = in_precision(model, precision)(*inputs)
        assert logits.dtype == torch.float32
        F.cross_entropy(logits.flatten(0, 1), TOKENS.flatten()).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    assert torch.cosine_similarity(gradients("fp32"), gradients("bf16"), dim=0) > 0.99


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("case", LANGUAGE)
def test_ready_for_inference_it_says_the_same(case, precision):
    model, ready = made(LANGUAGE[case]), for_inference(made(LANGUAGE[case]), TOKENS, precision)
    with torch.inference_mode():
        wanted = model(TOKENS)
        tolerance = (1e-4 if precision == "fp32" else 0.05) * wanted.abs().max()
        for found in (ready(TOKENS), ready.extend(TOKENS)[0]):
            assert found.dtype == torch.float32
            assert (found - wanted).abs().max() <= tolerance


@pytest.mark.parametrize("case", SEQ2SEQ)
def test_what_is_written_sees_the_source_and_no_future(case):
    model, changed, other = made(SEQ2SEQ[case]), TOKENS.clone(), SOURCE.clone()
    changed[:, 7:] = (changed[:, 7:] + 5) % V
    other[:, 0] = (other[:, 0] + 5) % V
    with torch.no_grad():
        before, after = model(SOURCE, TOKENS), model(SOURCE, changed)
        assert torch.equal(before[:, :7], after[:, :7])
        assert (before[:, 7:] - after[:, 7:]).abs().max() > 1e-3
        assert (model(other, TOKENS) - before).abs().amax((0, 2)).min() > 1e-5


@pytest.mark.parametrize("case", SEQ2SEQ)
def test_pairs_continued_and_padded_equal_plain_ones(case):
    model = made(SEQ2SEQ[case])
    source, tokens = padded(SOURCE, "rbl"), padded(TOKENS, "lrb")
    with torch.no_grad():
        wanted = model(SOURCE, TOKENS)
        close(model(source, tokens)[tokens >= 0].view_as(wanted), wanted)
        said, memory = [], model.read(source)
        for piece in tokens.split([5, 1, 1, 9], dim=1):
            logits, memory = model.extend(piece, memory)
            said.append(logits)
        close(torch.cat(said, 1)[tokens >= 0].view_as(wanted), wanted)


@pytest.mark.parametrize("case", SEQ2SEQ)
def test_learns_one_batch_of_pairs(case):
    torch.manual_seed(0)
    name, options = SEQ2SEQ[case]
    model = create_model(name, **options).train()

    def loss():
        return F.cross_entropy(model(SOURCE, TOKENS[:, :-1]).flatten(0, 1), TOKENS[:, 1:].flatten())

    assert last_loss(model, loss, lr=1e-2, limit=0.1, steps=200) < 0.1


@pytest.mark.parametrize("case", READERS)
def test_a_reader_sees_the_whole_text_and_no_padding(case):
    model, segments = made(READERS[case]), (torch.arange(12) > 5).long().expand(3, -1)
    tokens, changed = padded(TOKENS, "lrb"), TOKENS.clone()
    changed[:, -1] = (changed[:, -1] + 5) % V
    with torch.no_grad():
        wanted = model(TOKENS, segments)
        found = model(tokens, padded(segments, "lrb"))
        close(found if found.ndim == 2 else found[tokens >= 0].view_as(wanted), wanted)
        assert (model(changed, segments) - wanted).abs().amax(-1).min() > 1e-4
        assert (model(TOKENS) - wanted).abs().max() > 1e-4  # segments count


@pytest.mark.parametrize("case", READERS)
def test_a_reader_learns_one_batch(case):
    torch.manual_seed(0)
    name, options = READERS[case]
    model = create_model(name, **options).train()
    hidden, targets = TOKENS.clone(), TOKENS
    hidden[:, ::3] = 0
    if model.config.num_classes:
        targets = torch.arange(3)

    def loss():
        return F.cross_entropy(model(hidden).flatten(0, -2), targets.flatten())

    assert last_loss(model, loss, lr=1e-2, limit=0.1, steps=100) < 0.1


@pytest.mark.parametrize(
    "call",
    [
        lambda tokens: create_model("gpt_char_mini", **GPT)(tokens),
        lambda tokens: create_model("bert_mini", **GPT)(tokens),
        lambda tokens: create_model("seq2seq_mini", **PAIRS)(tokens, TOKENS),
        lambda tokens: create_model("seq2seq_mini", **PAIRS)(TOKENS, tokens),
    ],
)
def test_a_text_that_is_too_long_is_refused(call):
    with pytest.raises(InputError, match="25 tokens are more than the max_len 24 of this model"):
        call(torch.zeros(1, 25, dtype=torch.long))


def test_continuing_too_far_is_refused():
    model = create_model("gpt_char_mini", **GPT)
    _, memory = model.extend(torch.zeros(1, 24, dtype=torch.long))
    with pytest.raises(InputError, match="25 tokens"):
        model.extend(torch.zeros(1, 1, dtype=torch.long), memory)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gpt2", {"embed_dim": 100, "num_heads": 3}, "embed_dim 100 is not a multiple of num_heads 3"),
        ("gpt2", {"max_len": 0}, "max_len = 0 is not 1 or more"),
        ("gpt2", {"pos_embed": "rope", "embed_dim": 12, "num_heads": 4}, "head width 3 is not a multiple of 2"),
        ("gpt2", {"block_size": 12}, 'there is no setting "block_size"'),
        ("bert_base", {"segments": 0}, "segments = 0"),
        ("lstm_char", {"hidden_dim": 100}, "tied = True is not for an embed_dim equal to hidden_dim"),
        ("seq2seq_base", {"decoder_depth": 0}, "decoder_depth = 0"),
    ],
)
def test_errors_at_construction_name_the_way_out(name, options, message):
    with pytest.raises(InputError) as error, torch.device("meta"):
        create_model(name, **options)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [  # as published; BERT's with the head that guesses ids
        ("gpt2", 124_439_808),
        ("gpt2_medium", 354_823_168),
        ("gpt2_large", 774_030_080),
        ("gpt2_xl", 1_557_611_200),
        ("bert_base", 109_514_298),
    ],
)
def test_published_parameter_counts(name, parameters):
    found, tokens, macs = describe_model(name)
    assert found == parameters
    assert tokens == 16
    assert macs > 16 * 0.7 * parameters


@pytest.mark.parametrize("family", ["gpt", "bert", "seq2seq", "rnn", "rnn_seq2seq"])
def test_the_example_of_a_family_fits_its_presets_and_is_always_the_same(family):
    about = FAMILIES[family]
    for name, config in about.presets.items():
        first, again = about.example(config), about.example(config)
        assert all(map(torch.equal, first, again))
        once = {field: 1 for field in ("depth", "decoder_depth") if hasattr(config, field)}  # all blocks are alike
        with hollow():
            model = create_model(name, **once)
        logits = model(*(one.to("meta") for one in first))
        assert logits.shape[-1] == config.vocab_size

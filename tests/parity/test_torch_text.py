"""Our recurrent layers equal torch's in outputs, states and gradients; our encoder and decoder equal torch's layers."""

import pytest
import torch
from torch import nn

from smalti.models.seq2seq import Seq2SeqConfig, build_decoder_block
from smalti.models.text import build_block
from smalti.nn import FUSED, Recurrence, Transformer, causal_mask

TORCHS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@pytest.mark.parametrize("ours", ["equations", "fused"])
@pytest.mark.parametrize("cell", TORCHS)
def test_recurrent_layers(cell, ours):
    torch.manual_seed(0)
    reference = TORCHS[cell](6, 8, 3, batch_first=True).double()
    made = Recurrence(cell, 6, 8, 3) if ours == "equations" else FUSED[cell](6, 8, 3)
    made.double().load_state_dict(reference.state_dict())
    x = torch.randn(4, 7, 6, dtype=torch.double)
    state = torch.randn(6 if cell == "lstm" else 3, 4, 8, dtype=torch.double)
    weighing = torch.randn(4, 7, 8, dtype=torch.double)

    def results(module, run):
        a, b = x.clone().requires_grad_(), state.clone().requires_grad_()
        said, end = run(a, b)
        ((said * weighing).sum() + end.square().sum()).backward()
        return [said, end, a.grad, b.grad, *(p.grad for _, p in sorted(module.named_parameters()))]

    def torchs(a, b):
        said, end = reference(a, tuple(b.chunk(2)) if cell == "lstm" else b)
        return said, torch.cat(end) if cell == "lstm" else end

    for found, wanted in zip(results(made, made), results(reference, torchs), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)


CONFIG = Seq2SeqConfig(max_len=16, embed_dim=24, depth=3, decoder_depth=3, num_heads=4, mlp_ratio=2, mlp="relu")


def torchs_names(name: str) -> str:
    table = {
        "attn.qkv.": "self_attn.in_proj_", "attn.proj": "self_attn.out_proj", "mlp.fc1": "linear1",
        "mlp.fc2": "linear2", "cross.proj": "multihead_attn.out_proj",
    }  # fmt: skip
    for ours, theirs in table.items():
        name = name.replace(ours, theirs)
    return name


def copied(ours: nn.Module, theirs: nn.Module, *, norms: dict[str, str]) -> None:
    """Gives torch's layer the weights of ours."""
    state = {}
    for name, tensor in ours.state_dict().items():
        module, kind = name.rsplit(".", 1)
        if module in ("cross.q", "cross.kv"):
            state.setdefault(f"multihead_attn.in_proj_{kind}", []).append((module == "cross.kv", tensor))
        else:
            state[torchs_names(f"{norms.get(module, module)}.{kind}")] = tensor
    joined = {n: torch.cat([t for _, t in sorted(v, key=lambda o: o[0])]) if isinstance(v, list) else v
              for n, v in state.items()}  # fmt: skip
    theirs.load_state_dict(joined)


@pytest.mark.parametrize("wiring", ["pre", "post"])
def test_encoder_and_decoder(wiring):
    from dataclasses import replace

    torch.manual_seed(0)
    config = replace(CONFIG, wiring=wiring)
    options = {"dropout": 0.0, "activation": "relu", "batch_first": True, "norm_first": wiring == "pre"}
    encoder = Transformer(lambda i: build_block(config), 3, nn.Identity())
    decoder = Transformer(lambda i: build_decoder_block(config), 3, nn.Identity())
    for parameter in (*encoder.parameters(), *decoder.parameters()):
        nn.init.normal_(parameter, std=0.2)
    reading = nn.TransformerEncoder(nn.TransformerEncoderLayer(24, 4, 48, **options), 3, enable_nested_tensor=False)
    writing = nn.TransformerDecoder(nn.TransformerDecoderLayer(24, 4, 48, **options), 3)
    for mine, other in zip(encoder.blocks, reading.layers, strict=True):
        copied(mine, other, norms={})
    for mine, other in zip(decoder.blocks, writing.layers, strict=True):
        copied(mine, other, norms={"norm_cross": "norm2", "norm2": "norm3"})

    source, tokens = torch.randn(2, 7, 24), torch.randn(2, 5, 24)
    memory = encoder(source)
    torch.testing.assert_close(memory, reading(source), rtol=1e-5, atol=1e-5)
    found = decoder(tokens, context=[block.cross.context(memory) for block in decoder.blocks])
    wanted = writing(tokens, memory, tgt_mask=~causal_mask(5))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)

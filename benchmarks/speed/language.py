"""Language models beside transformers' GPT-2 of the same size and beside plain code in the manner of nanoGPT: training
steps and cached generation, tokens a second.

smalti runs `train_step` and `generate`, as its commands do; the peers run the shortest step there is, and their own
`generate`. AdamW for all; random tokens.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from interleaved import Work, apart
from torch import Tensor, nn

import smalti._torchvision  # noqa: F401 - before transformers
from smalti.models.gpt import GPT, GPTConfig
from smalti.nn._allocator import keep_blocks
from smalti.objectives import NextToken
from smalti.ready_text import prepared
from smalti.sample import generate
from smalti.train.loop import LoopConfig, train_step
from smalti.train.optim import OptimConfig, build_optimizers
from smalti.train.state import TrainState

SIZES = {  # name: config, batch of a training step, batches of generation
    "4 x 128, 65 characters, 128 tokens": (GPTConfig(65, 128, 128, 4, 4), 16, (1, 8)),
    "6 x 384, 65 characters, 256 tokens": (GPTConfig(65, 256, 384, 6, 6), 8, (1, 8)),
    "GPT-2, 12 x 768, 50,257 pieces, 128 tokens": (GPTConfig(50257, 128, 768, 12, 12, mlp="gelu_tanh"), 2, (1, 8)),
}
PROMPT = 16  # tokens
WRITTEN = 96


def measure(rounds: int) -> Iterator[dict]:
    """A row a size, work and contender."""
    for title, (config, batch, batches) in SIZES.items():
        contenders = {
            "transformers GPT-2, fp32": partial(peer, huggingface, config, batch),
            "plain torch code, fp32": partial(peer, PlainGPT, config, batch),
            "smalti, bf16": partial(ours, config, batch, "bf16"),
            "smalti, fp32": partial(ours, config, batch, "fp32"),
        }
        for found in apart(contenders, items=batch * config.max_len, rounds=rounds):
            yield {"work": f"training step: {title}, batch {batch}", **found}
        for batch in batches:
            contenders = {
                "transformers generate, fp32": partial(their_writing, config, batch),
                "smalti": partial(our_writing, config, batch),
            }
            for found in apart(contenders, items=batch * WRITTEN, rounds=rounds):
                yield {"work": f"writing {WRITTEN} tokens: {title}, batch {batch}", **found}


def ours(config: GPTConfig, batch: int, precision: str) -> Work:
    """A step of smalti's loop, which has the allocator keep its blocks as a run does."""
    keep_blocks()
    tokens, model = random_tokens(config, batch, config.max_len), GPT(config)
    state = TrainState(model, build_optimizers(model, OptimConfig()))
    loop = LoopConfig(batch_size=batch, precision=precision)  # type: ignore[arg-type]
    step = {"tokens": tokens, "target": tokens.roll(-1, 1)}
    return lambda: train_step(state, step, NextToken(), loop, 1.0)


def peer(build: Callable[[GPTConfig], nn.Module], config: GPTConfig, batch: int) -> Work:
    tokens, model = random_tokens(config, batch, config.max_len), build(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    target = tokens.roll(-1, 1)

    def step() -> None:
        said = model(tokens)
        logits = said if isinstance(said, Tensor) else said.logits
        F.cross_entropy(logits.flatten(0, 1), target.flatten()).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def our_writing(config: GPTConfig, batch: int) -> Work:
    prompts = list(random_tokens(config, batch, PROMPT).numpy())
    model = prepared("gpt", GPT(config))
    return lambda: list(generate(model, prompts, max_tokens=WRITTEN, top_k=50))  # type: ignore[arg-type]


def their_writing(config: GPTConfig, batch: int) -> Work:
    tokens, model = random_tokens(config, batch, PROMPT), huggingface(config).eval()
    options = {"max_new_tokens": WRITTEN, "min_new_tokens": WRITTEN, "do_sample": True, "top_k": 50, "pad_token_id": 0}
    return lambda: model.generate(tokens, attention_mask=torch.ones_like(tokens), **options)  # type: ignore[operator]


def random_tokens(config: GPTConfig, batch: int, length: int) -> Tensor:
    torch.manual_seed(0)
    return torch.randint(config.vocab_size, (batch, length))


def huggingface(config: GPTConfig) -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"n_positions": config.max_len, "n_embd": config.embed_dim, "n_layer": config.depth}
    drops = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=config.vocab_size, n_head=config.num_heads, **sizes, **drops))


class PlainGPT(nn.Module):
    """A decoder as one writes it in an afternoon, with torch's fused attention."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        D = config.embed_dim
        self.heads = config.num_heads
        self.tokens, self.places = nn.Embedding(config.vocab_size, D), nn.Embedding(config.max_len, D)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(D),
                    "qkv": nn.Linear(D, 3 * D),
                    "proj": nn.Linear(D, D),
                    "norm2": nn.LayerNorm(D),
                    "mlp": nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D)),
                }
            )
            for _ in range(config.depth)
        )
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, config.vocab_size, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        block: Any
        for block in self.blocks:
            q, k, v = block["qkv"](block["norm1"](x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + block["proj"](seen.transpose(1, 2).flatten(2))
            x = x + block["mlp"](block["norm2"](x))
        return self.head(self.norm(x))

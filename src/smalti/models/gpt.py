"""GPT: a Transformer that reads a text from left to right and says what comes next (GPT-2, Radford et al. 2019).

The block is that of `models.vit`; the attention is causal, ids take the place of patches, and the head gives every
token an answer. GPT-2 is a preset; rotary positions, RMSNorm and SwiGLU make a Llama-like one of it.

Shapes: B batch, N tokens, D width, V vocabulary.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from smalti.embed import TokenEmbed, placed
from smalti.heads import TiedLinear
from smalti.models.text import POSITIONS, TextConfig, build_block, check_length, init_normal, last_norm
from smalti.nn import Cache, LastLinear, Transformer

__all__ = ["GPT", "PRESETS", "GPTConfig"]


@dataclass(frozen=True)
class GPTConfig(TextConfig):
    """A `TextConfig` of a decoder.

    Args:
        tied: logits come from the table that embeds.
    """

    tied: bool = True


class GPT(Transformer):
    """A Transformer whose tokens are ids of a text, each of which sees those before it.

    `forward` gives logits (B, N, V) of the next id for ids (B, N); negative ids are padding.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(lambda i: build_block(config, causal=True), config.depth, last_norm(config))
        self.config = config
        self.token_embed = TokenEmbed(config.vocab_size, config.embed_dim)
        self.positions = POSITIONS[config.pos_embed](config)
        self.embed_drop = nn.Dropout(config.drop_rate)
        self.head = (
            TiedLinear(self.token_embed) if config.tied else LastLinear(config.embed_dim, config.vocab_size, bias=False)
        )
        self.init_weights()

    def forward(self, tokens: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride] - ids, not vectors
        """Ids (B, N) to logits (B, N, V) of what comes behind each."""
        return self.forward_head(self.forward_features(tokens))

    def forward_features(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Ids (B, N), which continue what is in `cache`, to (B, N, D)."""
        check_length(self.config, tokens.shape[1] + (0 if cache is None else len(cache)))
        place, mask = placed(tokens, cache)
        x, rope = self.positions(self.token_embed(tokens), place)
        return super().forward(self.embed_drop(x), rope=rope, mask=mask, cache=cache)

    def forward_head(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to logits (B, N, V)."""
        return self.head(x)

    @torch.no_grad()
    def extend(self, tokens: Tensor, memory: Cache | None = None) -> tuple[Tensor, Cache]:
        """Ids (B, N) that come behind those in `memory` to logits (B, N, V), and the memory with them: what `forward`
        says of the whole text, at the cost of its end. For sampling: there are no gradients.

        Args:
            tokens: any number, so a prompt at first, then one by one.
            memory: from the call before, which is used up by this one; None for the start of a text.

        Raises:
            InputError: the text is longer than max_len.
        """
        memory = Cache(self.config.depth, self.config.max_len) if memory is None else memory
        return self.forward_head(self.forward_features(tokens, memory)), memory

    def init_weights(self) -> None:
        """GPT-2's: deviation 0.02, smaller by the root of the number of branches where they add to the residual."""
        init_normal(self)
        blocks: Any = self.blocks
        for block in blocks:
            for layer in (block.attn.proj, block.mlp.fc2):
                nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * self.config.depth))


def presets() -> dict[str, GPTConfig]:
    """The published sizes, and two for the characters of a book; their vocabulary is that of the data."""
    table = {
        "gpt_char_mini": GPTConfig(max_len=64, embed_dim=128, depth=4, num_heads=4),
        "gpt_char_baby": GPTConfig(max_len=256, embed_dim=384, depth=6, num_heads=6, drop_rate=0.2, attn_drop=0.2),
    }
    sizes = {
        "gpt2": (768, 12, 12),
        "gpt2_medium": (1024, 24, 16),
        "gpt2_large": (1280, 36, 20),
        "gpt2_xl": (1600, 48, 25),
    }
    for name, (dim, depth, heads) in sizes.items():
        table[name] = GPTConfig(50257, 1024, dim, depth, heads, mlp="gelu_tanh", drop_rate=0.1, attn_drop=0.1)
    return table


PRESETS = presets()

"""A Transformer that reads one text and writes another: the encoder-decoder of the first paper (arXiv:1706.03762).

Encoder and decoder are the trunk of `models.vit`; the decoder's blocks have a third residual, in which every token
written reads all of the source. `wiring="post"` with scaled embeddings is the original, "pre" today's.

Shapes: B batch, M source tokens, N target tokens, D width, V vocabulary.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from smalti.configs import demand
from smalti.embed import TokenEmbed, placed
from smalti.heads import TiedLinear
from smalti.models.text import (
    POSITIONS,
    TextConfig,
    block_parts,
    build_block,
    build_norm,
    check_length,
    last_norm,
)
from smalti.nn import Cache, Context, CrossAttention, DecoderBlock, LastLinear, Transformer, xavier_

__all__ = ["PRESETS", "Seq2Seq", "Seq2SeqConfig", "Seq2SeqMemory"]


@dataclass(frozen=True)
class Seq2SeqConfig(TextConfig):
    """A `TextConfig` of an encoder and a decoder over one vocabulary.

    Args:
        depth: blocks of the encoder.
        decoder_depth: blocks of the decoder.
        scale_embed: embeddings count times the root of D, as first published.
        tied: logits come from the table that embeds.
    """

    depth: int = 6
    decoder_depth: int = 6
    scale_embed: bool = False
    tied: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        demand(self.decoder_depth >= 1, "decoder_depth", self.decoder_depth, "1 or more")


class Seq2SeqMemory(NamedTuple):
    """What is known while writing.

    Args:
        source: what each block of the decoder reads.
        written: keys and values of the tokens so far.
    """

    source: tuple[Context, ...]
    written: Cache

    def reorder(self, rows: Tensor) -> "Seq2SeqMemory":
        """The memory of rows (B,) of the batch, each of which goes on with a row of the same source."""
        return self._replace(written=self.written.reorder(rows))


class Seq2Seq(nn.Module):
    """An encoder and a decoder.

    `forward` gives logits (B, N, V) of the next id for a source (B, M) and the ids written so far (B, N); negative ids
    are padding.
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embed = TokenEmbed(config.vocab_size, config.embed_dim)
        self.scale = math.sqrt(config.embed_dim) if config.scale_embed else 1.0
        self.source_positions = POSITIONS[config.pos_embed](config)
        self.positions = POSITIONS[config.pos_embed](config)
        self.embed_drop = nn.Dropout(config.drop_rate)
        self.encoder = Transformer(lambda i: build_block(config), config.depth, last_norm(config))
        self.decoder = Transformer(lambda i: build_decoder_block(config), config.decoder_depth, last_norm(config))
        self.head = (
            TiedLinear(self.token_embed, bias=True) if config.tied else LastLinear(config.embed_dim, config.vocab_size)
        )
        self.init_weights()

    def forward(self, source: Tensor, tokens: Tensor) -> Tensor:
        """A source (B, M) and ids (B, N) to logits (B, N, V) of what comes behind each id."""
        return self.forward_head(self.forward_features(source, tokens))

    def forward_features(self, source: Tensor, tokens: Tensor) -> Tensor:
        """A source (B, M) and ids (B, N) to (B, N, D)."""
        return self.decode(tokens, self.encode(source))

    def forward_head(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to logits (B, N, V)."""
        return self.head(x)

    @torch.no_grad()
    def read(self, source: Tensor) -> Seq2SeqMemory:
        """A source (B, M) to the memory that `extend` starts with. For sampling: there are no gradients."""
        return Seq2SeqMemory(self.encode(source), Cache(self.config.decoder_depth, self.config.max_len))

    @torch.no_grad()
    def extend(self, tokens: Tensor, memory: Seq2SeqMemory) -> tuple[Tensor, Seq2SeqMemory]:
        """Ids (B, N) that come behind those written to logits (B, N, V), and the memory with them; the one given is
        used up. Raises InputError where the text is longer than max_len."""
        return self.forward_head(self.decode(tokens, *memory)), memory

    def encode(self, source: Tensor) -> tuple[Context, ...]:
        """A source (B, M) to what each block of the decoder reads of it."""
        check_length(self.config, source.shape[1])
        place, mask = placed(source)
        x, rope = self.source_positions(self.token_embed(source) * self.scale, place)
        x = self.encoder(self.embed_drop(x), rope=rope, mask=mask)
        blocks: Any = self.decoder.blocks
        return tuple(block.cross.context(x, mask) for block in blocks)

    def decode(self, tokens: Tensor, source: tuple[Context, ...], written: Cache | None = None) -> Tensor:
        """Ids (B, N) behind those `written` to (B, N, D)."""
        check_length(self.config, tokens.shape[1] + (0 if written is None else len(written)))
        place, mask = placed(tokens, written)
        x, rope = self.positions(self.token_embed(tokens) * self.scale, place)
        return self.decoder(self.embed_drop(x), rope=rope, mask=mask, cache=written, context=source)

    def init_weights(self) -> None:
        """Xavier-uniform linear layers, embeddings so that logits and scaled tokens are of size one."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                xavier_(name, module)
        nn.init.normal_(self.token_embed.weight, std=self.config.embed_dim**-0.5)


def build_decoder_block(config: Seq2SeqConfig) -> DecoderBlock:
    """One block with a third residual."""
    parts, options = block_parts(config, causal=True)
    cross = CrossAttention(config.embed_dim, config.num_heads, qkv_bias=config.qkv_bias, attn_drop=config.attn_drop)
    gate = nn.Dropout(config.drop_rate)
    return DecoderBlock(*parts, norm_cross=build_norm(config), cross=cross, ls_cross=gate, **options)


PRESETS = {
    "seq2seq_mini": Seq2SeqConfig(
        max_len=128, embed_dim=128, depth=2, decoder_depth=2, num_heads=4, pos_embed="sincos", drop_rate=0.1
    ),
    "seq2seq_base": Seq2SeqConfig(  # the base model of the paper
        37000, 512, 512, num_heads=8, pos_embed="sincos", mlp="relu", wiring="post", scale_embed=True, drop_rate=0.1
    ),
}

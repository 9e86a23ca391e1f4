"""BERT: a Transformer that reads a text as a whole, to fill in what is hidden or to say what it is (arXiv:1810.04805).

The block is that of `models.vit`, wired as first published: the sum is normed. The head guesses the id of every token,
or reads a class off the first one.

Shapes: B batch, N tokens, D width, V vocabulary, K classes.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from smalti.configs import demand
from smalti.embed import TokenEmbed, placed, real_first
from smalti.heads import ClsPool, TiedLinear
from smalti.models.text import (
    ACTS,
    POSITIONS,
    TextConfig,
    build_block,
    build_norm,
    check_length,
    init_normal,
    last_norm,
)
from smalti.nn import LastLinear, Transformer

__all__ = ["BERT", "PRESETS", "BERTConfig"]


@dataclass(frozen=True)
class BERTConfig(TextConfig):
    """A `TextConfig` of an encoder, wired as BERT.

    Args:
        num_classes: outputs K of a head that reads the whole text; 0 for the head that guesses every id.
        segments: kinds of text that may stand in one, a question and its answer for instance.
    """

    max_len: int = 512
    norm_eps: float = 1e-12
    wiring: Literal["pre", "post"] = "post"
    num_classes: int = 0
    segments: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        demand(self.num_classes >= 0, "num_classes", self.num_classes, "0 or more")
        demand(self.segments >= 1, "segments", self.segments, "1 or more")


class BERT(Transformer):
    """A Transformer whose tokens are ids of a text, each of which sees all others.

    `forward` gives logits for ids (B, N), of which negative ones are padding: (B, N, V) where it guesses ids,
    (B, num_classes) where it reads a class.
    """

    def __init__(self, config: BERTConfig) -> None:
        super().__init__(lambda i: build_block(config), config.depth, last_norm(config))
        self.config = config
        D = config.embed_dim
        self.token_embed = TokenEmbed(config.vocab_size, D)
        self.segment_embed = TokenEmbed(config.segments, D)
        self.positions = POSITIONS[config.pos_embed](config)
        self.embed_norm = build_norm(config)
        self.embed_drop = nn.Dropout(config.drop_rate)

        hidden: OrderedDict[str, nn.Module] = OrderedDict(fc=nn.Linear(D, D))
        if config.num_classes:
            self.arrange = real_first  # so that the first token is one
            self.pool, self.head_drop = ClsPool(), nn.Dropout(config.drop_rate)
            hidden["act"] = nn.Tanh()
            self.head = LastLinear(D, config.num_classes)
        else:
            self.arrange = in_place
            self.pool, self.head_drop = nn.Identity(), nn.Identity()
            hidden |= {"act": ACTS[config.mlp](), "norm": build_norm(config)}
            self.head = TiedLinear(self.token_embed, bias=True)
        self.pre_logits = nn.Sequential(hidden)
        init_normal(self)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - ids, not vectors
        self, tokens: Tensor, segments: Tensor | None = None
    ) -> Tensor:
        """Ids (B, N), with the number of each one's segment, to logits (B, N, V) or (B, num_classes)."""
        return self.forward_head(self.forward_features(tokens, segments))

    def forward_features(self, tokens: Tensor, segments: Tensor | None = None) -> Tensor:
        """Ids (B, N) to (B, N, D). For a class, padding is moved behind the real tokens."""
        check_length(self.config, tokens.shape[1])
        tokens, segments = self.arrange(tokens, torch.zeros_like(tokens) if segments is None else segments)
        place, mask = placed(tokens)
        x, rope = self.positions(self.token_embed(tokens) + self.segment_embed(segments), place)
        return super().forward(self.embed_drop(self.embed_norm(x)), rope=rope, mask=mask)

    def forward_head(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to logits (B, N, V) or (B, num_classes)."""
        return self.head(self.head_drop(self.pre_logits(self.pool(x))))


def in_place(*tokens: Tensor) -> tuple[Tensor, ...]:
    """Tokens as they stand."""
    return tokens


PRESETS = {
    "bert_mini": BERTConfig(max_len=128, embed_dim=128, depth=4, num_heads=4, wiring="pre"),  # docs/log.md
    "bert_base": BERTConfig(30522, drop_rate=0.1, attn_drop=0.1),
    "bert_large": BERTConfig(30522, embed_dim=1024, depth=24, num_heads=16, drop_rate=0.1, attn_drop=0.1),
}

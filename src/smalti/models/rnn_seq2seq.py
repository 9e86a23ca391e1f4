"""A recurrent encoder-decoder: what came before the Transformer (arXiv:1409.3215), with attention (arXiv:1508.04025).

The encoder's state behind the source is where the decoder begins. With attention, every step also reads what the
encoder said of each source token, by the very part that Transformers have.

Shapes: B batch, M source tokens, N target tokens, D width, S rows of state, V vocabulary.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from torch import Tensor, nn

from smalti.configs import demand, demand_words
from smalti.embed import TokenEmbed, is_padded
from smalti.heads import TiedLinear
from smalti.nn import FUSED, Context, CrossAttention, Recurrence, padding_bias
from smalti.nn.recurrent import CELLS

__all__ = ["PRESETS", "RecurrentSeq2Seq", "RecurrentSeq2SeqConfig", "RecurrentSeq2SeqMemory"]


@dataclass(frozen=True)
class RecurrentSeq2SeqConfig:
    """What the network is made of.

    Args:
        vocab_size: ids V, of source and target; a run takes it from its data.
        embed_dim: width D of embedding and layers.
        depth: layers of the encoder, and of the decoder.
        cell: "rnn" (Elman's), "lstm" or "gru".
        attention: every step reads all of the source; else it has the encoder's last state only.
        drop_rate: dropout of tokens, between layers and before the head.
        fused: torch's kernels instead of the equations in Python; the same numbers.
    """

    vocab_size: int = 256
    embed_dim: int = 256
    depth: int = 2
    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    attention: bool = True
    drop_rate: float = 0.0
    fused: bool = True

    def __post_init__(self) -> None:
        demand_words(self)
        for name in ("vocab_size", "embed_dim", "depth"):
            demand(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        demand(0 <= self.drop_rate < 1, "drop_rate", self.drop_rate, "a share in [0, 1)")


class RecurrentSeq2SeqMemory(NamedTuple):
    """What is known while writing.

    Args:
        source: what there is to read.
        state: (S, B, D) of the decoder.
    """

    source: Context
    state: Tensor

    def reorder(self, rows: Tensor) -> "RecurrentSeq2SeqMemory":
        """The memory of rows (B,) of the batch, each of which goes on with a row of the same source."""
        return self._replace(state=self.state[:, rows])


class RecurrentSeq2Seq(nn.Module):
    """A recurrent encoder and decoder, of texts of any length.

    `forward` gives logits (B, N, V) of the next id for a source (B, M) and the ids written so far (B, N); negative ids
    are padding.
    """

    def __init__(self, config: RecurrentSeq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        D = config.embed_dim
        self.token_embed = TokenEmbed(config.vocab_size, D)
        self.embed_drop = nn.Dropout(config.drop_rate)
        layers = FUSED[config.cell] if config.fused else partial(Recurrence, config.cell)
        self.encoder = layers(D, D, config.depth, drop=config.drop_rate)
        self.decoder = layers(D, D, config.depth, drop=config.drop_rate)
        self.cross = CrossAttention(D, 1) if config.attention else NoAttention()
        self.norm = nn.LayerNorm(D) if config.attention else nn.Identity()
        self.head_drop = nn.Dropout(config.drop_rate)
        self.head = TiedLinear(self.token_embed, bias=True)
        nn.init.normal_(self.token_embed.weight, std=D**-0.5)

    def forward(self, source: Tensor, tokens: Tensor) -> Tensor:
        """A source (B, M) and ids (B, N) to logits (B, N, V) of what comes behind each id."""
        return self.extend(tokens, self.read(source))[0]

    def forward_features(self, source: Tensor, tokens: Tensor) -> Tensor:
        """A source (B, M) and ids (B, N) to (B, N, D)."""
        return self.decode(tokens, *self.read(source))[0]

    def forward_head(self, x: Tensor) -> Tensor:
        """What was said (B, N, D) to logits (B, N, V)."""
        return self.head(self.head_drop(x))

    def read(self, source: Tensor) -> RecurrentSeq2SeqMemory:
        """A source (B, M) to the memory that `extend` starts with."""
        x = self.embed_drop(self.token_embed(source))
        rows = self.config.depth * CELLS[self.config.cell].parts
        real = source >= 0 if is_padded(source) else None
        said, state = self.encoder(x, x.new_zeros(rows, x.shape[0], x.shape[-1]), real)
        return RecurrentSeq2SeqMemory(self.cross.context(said, None if real is None else padding_bias(real)), state)

    def extend(self, tokens: Tensor, memory: RecurrentSeq2SeqMemory) -> tuple[Tensor, RecurrentSeq2SeqMemory]:
        """Ids (B, N) that come behind those written to logits (B, N, V), and the memory with them."""
        x, state = self.decode(tokens, *memory)
        return self.forward_head(x), memory._replace(state=state)

    def decode(self, tokens: Tensor, source: Context, state: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (B, N) behind those of `state` to (B, N, D) and the state (S, B, D) behind them."""
        x = self.embed_drop(self.token_embed(tokens))
        said, state = self.decoder(x, state, tokens >= 0 if is_padded(tokens) else None)
        return said + self.cross(self.norm(said), context=source), state


class NoAttention(nn.Module):
    """Reads nothing of the source."""

    def context(self, source: Tensor, mask: Tensor | None = None) -> Context:
        """As of `CrossAttention`, unread."""
        return Context(source, source, mask)

    def forward(self, x: Tensor, *, context: Context) -> float:
        """Nothing to add to tokens (B, N, D)."""
        return 0.0


PRESETS = {
    "lstm_seq2seq_mini": RecurrentSeq2SeqConfig(embed_dim=192, depth=1, drop_rate=0.1),
    "gru_seq2seq_mini": RecurrentSeq2SeqConfig(embed_dim=192, depth=1, cell="gru", drop_rate=0.1),
}

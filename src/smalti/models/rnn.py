"""Recurrent language models: RNN, LSTM and GRU, the baselines that read a text one step at a time.

What was read is in a state of fixed size, which any text can go on from: across batches in training (truncated
back-propagation), and while sampling.

Shapes: B batch, N tokens, C width of the embedding, D units, S rows of state, V vocabulary.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, overload

from torch import Tensor, nn

from smalti.configs import demand, demand_words
from smalti.embed import TokenEmbed, is_padded
from smalti.heads import TiedLinear
from smalti.nn import FUSED, LastLinear, Recurrence
from smalti.nn.recurrent import CELLS

__all__ = ["PRESETS", "RecurrentConfig", "RecurrentLM"]


@dataclass(frozen=True)
class RecurrentConfig:
    """What the network is made of.

    Args:
        vocab_size: ids V; a run takes it from its data.
        embed_dim: width C of the embedding.
        hidden_dim: units D of each layer.
        depth: layers.
        cell: "rnn" (Elman's), "lstm" or "gru".
        drop_rate: dropout of tokens, between layers and before the head.
        tied: logits come from the table that embeds; for embed_dim equal to hidden_dim.
        fused: torch's kernels instead of the equations in Python; the same numbers.
    """

    vocab_size: int = 256
    embed_dim: int = 256
    hidden_dim: int = 256
    depth: int = 2
    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    drop_rate: float = 0.0
    tied: bool = True
    fused: bool = True

    def __post_init__(self) -> None:
        demand_words(self)
        for name in ("vocab_size", "embed_dim", "hidden_dim", "depth"):
            demand(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        demand(0 <= self.drop_rate < 1, "drop_rate", self.drop_rate, "a share in [0, 1)")
        fits = not self.tied or self.embed_dim == self.hidden_dim
        demand(fits, "tied", self.tied, "for an embed_dim equal to hidden_dim")


class RecurrentLM(nn.Module):
    """A recurrent network over the ids of a text, of any length.

    `forward` gives logits (B, N, V) of the next id for ids (B, N); negative ids are padding.
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        C, D = config.embed_dim, config.hidden_dim
        self.token_embed = TokenEmbed(config.vocab_size, C)
        self.embed_drop = nn.Dropout(config.drop_rate)
        layers = FUSED[config.cell] if config.fused else partial(Recurrence, config.cell)
        self.layers = layers(C, D, config.depth, drop=config.drop_rate)
        self.head_drop = nn.Dropout(config.drop_rate)
        self.head = TiedLinear(self.token_embed, bias=True) if config.tied else LastLinear(D, config.vocab_size)
        nn.init.normal_(self.token_embed.weight, std=C**-0.5)

    @overload
    def forward(self, tokens: Tensor) -> Tensor: ...
    @overload
    def forward(self, tokens: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]: ...
    def forward(self, tokens: Tensor, memory: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Ids (B, N) to logits (B, N, V) of what comes behind each; with a memory, as `extend`."""
        return self.extend(tokens)[0] if memory is None else self.extend(tokens, memory)

    def extend(self, tokens: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Ids (B, N) that come behind those in `memory` to logits (B, N, V), and the memory with them.

        Gradients flow into `memory`, unless it is detached.

        Args:
            tokens: any number.
            memory: (S, B, D), from the call before; None for the start of a text.
        """
        x, memory = self.read(tokens, memory)
        return self.forward_head(x), memory

    def read(self, tokens: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Ids (B, N) to what the last layer says of each, (B, N, D), and the memory (S, B, D) behind them."""
        x = self.embed_drop(self.token_embed(tokens))
        state = self.start(tokens.shape[0]) if memory is None else memory
        return self.layers(x, state, tokens >= 0 if is_padded(tokens) else None)

    def forward_features(self, tokens: Tensor) -> Tensor:
        """Ids (B, N) to (B, N, D)."""
        return self.read(tokens)[0]

    def forward_head(self, x: Tensor) -> Tensor:
        """What was said (B, N, D) to logits (B, N, V)."""
        return self.head(self.head_drop(x))

    def start(self, rows: int = 1) -> Tensor:
        """The state (S, rows, D) before the first token: zeros."""
        config = self.config
        return self.token_embed.weight.new_zeros(config.depth * CELLS[config.cell].parts, rows, config.hidden_dim)


PRESETS = {  # about 0.8 M parameters each, as gpt_char_mini has
    "rnn_char": RecurrentConfig(embed_dim=448, hidden_dim=448, cell="rnn"),
    "lstm_char": RecurrentConfig(embed_dim=224, hidden_dim=224, cell="lstm"),
    "gru_char": RecurrentConfig(embed_dim=256, hidden_dim=256, cell="gru"),
}

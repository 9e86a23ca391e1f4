"""The part of a block that thinks about each token alone: (B, N, D) to (B, N, D)."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Mlp", "SwiGLU"]


class Mlp(nn.Module):
    """Two linear layers with GELU between (arXiv:2010.11929, eq. 3), or what else `act` makes."""

    def __init__(self, dim: int, hidden_dim: int, *, drop: float = 0.0, act: Callable[[], nn.Module] = nn.GELU) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.act = act()
        self.fc2 = nn.Linear(hidden_dim, dim)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D)."""
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))

    @property
    def exact_gelu(self) -> bool:
        """Whether it is GELU itself between the layers, not its approximation nor another function."""
        return isinstance(self.act, nn.GELU) and self.act.approximate == "none"


class SwiGLU(nn.Module):
    """A gated layer: silu(gate) * value, then out (arXiv:2002.05202); `norm` is of what stands between, as in EVA-02
    (arXiv:2303.11331), None for none."""

    def __init__(self, dim: int, hidden_dim: int, *, drop: float = 0.0, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.fc1_g = nn.Linear(dim, hidden_dim)
        self.fc1_x = nn.Linear(dim, hidden_dim)
        self.norm = norm or nn.Identity()
        self.fc2 = nn.Linear(hidden_dim, dim)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to tokens (B, N, D)."""
        return self.drop(self.fc2(self.norm(self.drop(F.silu(self.fc1_g(x)) * self.fc1_x(x)))))

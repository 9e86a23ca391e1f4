"""What tokens learn from those beside them in the picture: a convolution where other blocks have attention."""

from torch import Tensor, nn

__all__ = ["GridConv"]


class GridConv(nn.Module):
    """A 3 x 3 convolution over tokens as they lie on their grid, in place of the attention of a block (CoAtNet,
    arXiv:2106.04803): near things belong together, which attention has to learn and a convolution knows.

    Args:
        dim: width D of the tokens.
        grid_size: (h, w) of the tokens, which come row by row and are all there are.
    """

    def __init__(self, dim: int, grid_size: tuple[int, int]) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.conv = nn.Conv2d(dim, dim, kernel_size=3, padding=1, bias=False)

    def forward(self, x: Tensor, *, rope: Tensor | None = None, mask: None = None) -> Tensor:
        """Tokens (B, h * w, D) to the same shape. It knows where they are, so `rope` is of no use; who sees whom is
        fixed, so there is no `mask`."""
        image = x.unflatten(1, self.grid_size).permute(0, 3, 1, 2)  # (B, D, h, w), channels last
        return self.conv(image).flatten(2).transpose(1, 2)

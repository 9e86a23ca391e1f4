"""The linear layers of a Transformer's blocks in int8, for inference on a CPU: opt-in, since it moves answers.

Activations lie on 256 steps between the smallest and the largest value that pictures of the user's own gave a layer
(static: nothing is measured while it answers), weights on 255 steps, a scale a row. Their products are summed exactly.
Norms, attention weights, residuals and the last layer stay as they are. Within an MLP the tokens stay bytes.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from smalti.nn import _onednn
from smalti.nn._onednn import Grid
from smalti.nn.mlp import Mlp
from smalti.nn.packed import refuse_gradients
from smalti.nn.transformer import Block

__all__ = ["Int8Linear", "input_grids", "int8"]


def int8(module: nn.Module, images: Tensor, dtype: torch.dtype) -> nn.Module:
    """`module`, on the CPU and in eval mode, with the linear layers of its blocks in int8; it is changed in place.

    Args:
        module: images (B, C, H, W) to logits (B, K), in fp32.
        images: to calibrate on, 16 or more, like those it will see.
        dtype: of the tokens between the layers.
    """
    grids = input_grids(module, images)
    for path, part in list(module.named_modules()):
        if type(part) is Mlp and f"{path}.fc1" in grids and part.exact_gelu:
            taken, between = grids.pop(f"{path}.fc1"), grids[f"{path}.fc2"]
            part.act = nn.Identity()
            setattr(part, "fc1", Int8Linear(part.fc1, taken, dtype, gelu=True, given=between))  # noqa: B010
    for path, taken in grids.items():
        parent, _, name = path.rpartition(".")
        linear: nn.Linear = module.get_submodule(path)  # type: ignore[assignment]
        setattr(module.get_submodule(parent), name, Int8Linear(linear, taken, dtype))
    return module


@torch.inference_mode()
def input_grids(module: nn.Module, images: Tensor, batch_size: int = 16) -> dict[str, Grid]:
    """The grid of what each linear layer of the blocks is given when `module` sees `images`, by its path."""
    low, high = dict[str, float](), dict[str, float]()

    def watch(path: str, x: Tensor) -> None:
        low[path] = min(low.get(path, 0.0), x.min().item())
        high[path] = max(high.get(path, 0.0), x.max().item())

    def watching(path: str) -> Callable[..., None]:
        return lambda _, inputs: watch(path, inputs[0])

    hooks = [
        part.register_forward_pre_hook(watching(path))
        for block, inside in module.named_modules()
        if type(inside) is Block
        for path, part in inside.named_modules(prefix=block)
        if type(part) is nn.Linear
    ]
    try:
        for some in images.split(batch_size):
            module(some)
    finally:
        for hook in hooks:
            hook.remove()
    scales = {path: max(high[path] - low[path], 1e-6) / 255 for path in low}
    return {path: Grid(scale, round(-low[path] / scale)) for path, scale in scales.items()}


class Int8Linear(nn.Module):
    """`nn.Linear` on bytes. For inference: it has no parameters to learn.

    Args:
        linear: the layer whose weights are taken over.
        taken: the grid its inputs are rounded to, unless they are bytes on it already.
        dtype: of its outputs.
        gelu: apply the exact GELU to the result.
        given: makes the outputs bytes on this grid instead.
    """

    def __init__(
        self, linear: nn.Linear, taken: Grid, dtype: torch.dtype, *, gelu: bool = False, given: Grid | None = None
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(1).clamp(min=1e-12) / 127
        self.weight = _onednn.pack_int8((weight / scales[:, None]).round().to(torch.int8))  # as in PackedLinear
        self.taken, self.given, self.gelu = taken, given, gelu
        self.dtype = torch.uint8 if given else dtype
        self.scales, self.bias = scales, None if linear.bias is None else linear.bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features). Raises InputError where a gradient is wanted: there is none."""
        refuse_gradients(x)
        if not x.numel():  # which the private op cannot take
            return x.new_empty(*x.shape[:-1], self.out_features, dtype=self.dtype)
        if x.dtype != torch.uint8:
            x = _onednn.quantize(x, self.taken)
        return _onednn.linear_int8(
            x, self.taken, self.weight, self.scales, self.bias, dtype=self.dtype, gelu=self.gelu, given=self.given
        )

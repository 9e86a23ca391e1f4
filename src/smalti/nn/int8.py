"""The linear layers of a Transformer's blocks in int8, for inference on a CPU: opt-in, since it moves answers.

Activations lie on 256 steps between the smallest and the largest value that pictures of the user's own gave a layer
(static: nothing is measured while it answers), weights on 255 steps, a scale a row. Their products are summed exactly.
Norms, attention weights, residuals and the last layer stay as they are. Within an MLP the tokens stay bytes.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from smalti.nn import _onednn
from smalti.nn._onednn import QParams
from smalti.nn.mlp import Mlp
from smalti.nn.packed import refuse_gradients
from smalti.nn.transformer import Block

__all__ = ["Int8Linear", "input_qparams", "int8"]

BATCH = 16  # pictures at a time, of those it is calibrated on


def int8(module: nn.Module, images: Tensor, dtype: torch.dtype) -> nn.Module:
    """`module`, on the CPU and in eval mode, with the linear layers of its blocks in int8; it is changed in place.

    Args:
        module: images (B, C, H, W) to logits (B, K), in fp32.
        images: to calibrate on, 16 or more, like those it will see.
        dtype: of the tokens between the layers.
    """
    inputs = input_qparams(module, images)
    for path, part in list(module.named_modules()):
        if type(part) is Mlp and f"{path}.fc1" in inputs and part.exact_gelu:
            qparams, between = inputs.pop(f"{path}.fc1"), inputs[f"{path}.fc2"]
            part.act = nn.Identity()
            setattr(part, "fc1", Int8Linear(part.fc1, qparams, dtype, gelu=True, out_qparams=between))  # noqa: B010
    for path, qparams in inputs.items():
        parent, _, name = path.rpartition(".")
        linear: nn.Linear = module.get_submodule(path)  # type: ignore[assignment]
        setattr(module.get_submodule(parent), name, Int8Linear(linear, qparams, dtype))
    return module


@torch.inference_mode()
def input_qparams(module: nn.Module, images: Tensor) -> dict[str, QParams]:
    """What the bytes given to each linear layer of the blocks shall stand for, by its path, so that they span what it
    is given when `module` sees `images`."""
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
        for some in images.split(BATCH):
            module(some)
    finally:
        for hook in hooks:
            hook.remove()
    scales = {path: max(high[path] - low[path], 1e-6) / 255 for path in low}
    return {path: QParams(scale, round(-low[path] / scale)) for path, scale in scales.items()}


class Int8Linear(nn.Module):
    """`nn.Linear` on bytes. For inference: it has no parameters to learn.

    Args:
        linear: the layer whose weights are taken over.
        qparams: what the bytes of its inputs stand for; floats are rounded to bytes first.
        dtype: of its outputs.
        gelu: apply the exact GELU to the result.
        out_qparams: what the bytes of its outputs stand for; None for outputs in `dtype`.
    """

    def __init__(
        self,
        linear: nn.Linear,
        qparams: QParams,
        dtype: torch.dtype,
        *,
        gelu: bool = False,
        out_qparams: QParams | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach().float()
        scales = weight.abs().amax(1).clamp(min=1e-12) / 127
        self.weight = _onednn.pack_int8((weight / scales[:, None]).round().to(torch.int8))  # as in PackedLinear
        self.qparams, self.out_qparams, self.gelu = qparams, out_qparams, gelu
        self.dtype = torch.uint8 if out_qparams else dtype
        self.scales, self.bias = scales, None if linear.bias is None else linear.bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features). Raises InputError where a gradient is wanted: there is none."""
        refuse_gradients(x)
        if not x.numel():  # which the private op cannot take
            return x.new_empty(*x.shape[:-1], self.out_features, dtype=self.dtype)
        if x.dtype != torch.uint8:
            x = _onednn.quantize(x, self.qparams)
        return _onednn.linear_int8(
            x,
            self.qparams,
            self.weight,
            self.scales,
            self.bias,
            dtype=self.dtype,
            gelu=self.gelu,
            out_qparams=self.out_qparams,
        )

"""A Transformer made ready for inference on a CPU: the same parts under the same names, their weights laid out once as
the CPU's matrix kernels read them, and each linear layer doing the GELU that comes right behind it on the way.

`packed` exchanges parts of a module; no forward pass knows of it.
"""

import torch
from torch import Tensor, nn

from smalti.errors import InputError
from smalti.nn import _onednn
from smalti.nn.mlp import Mlp
from smalti.nn.precision import exact_parameters

__all__ = ["PackedLinear", "lower", "packed", "refuse_gradients"]


def packed(module: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """`module`, on the CPU and in eval mode, made ready for inference in `dtype`; it is changed in place.

    Layer by layer, each plain weight gone before the next is packed: nothing is held twice. Where this torch or CPU has
    no packed kernels the module is only cast.
    """
    lower(module, dtype)
    if not _onednn.available(dtype):
        return module
    parts = [part for part in module.modules() if type(part) is not nn.Linear]  # a layer held here would stay
    for part in parts:
        if type(part) is Mlp and type(part.fc1) is nn.Linear and part.exact_gelu:
            part.act = nn.Identity()
            setattr(part, "fc1", PackedLinear(part.fc1, gelu=True))  # noqa: B010 - the class says nn.Linear
        for name, child in part.named_children():
            if type(child) is nn.Linear:
                setattr(part, name, PackedLinear(child))
    return module


def lower(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """`module` in `dtype`, but for what stays in fp32; changed in place."""
    parameters = dict(module.named_parameters())
    exact = set(exact_parameters(module, next(iter(parameters.values())).device))
    for name, parameter in parameters.items():
        parameter.data = parameter.data.to(torch.float32 if name in exact else dtype)
    return module


def refuse_gradients(x: Tensor) -> None:
    """Raises InputError where a gradient for `x` is wanted: private ops would say that it is zero."""
    if x.requires_grad and torch.is_grad_enabled():
        what = "a model made ready for inference has no gradients"
        raise InputError(what, mend="take the plain one, smalti.modelfile.read_model(PATH).module")


class PackedLinear(nn.Module):
    """`nn.Linear` with a packed weight, optionally followed by GELU. For inference: it has no parameters to learn.

    Args:
        linear: the layer whose weights are taken over.
        gelu: apply the exact GELU to the result.
    """

    def __init__(self, linear: nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = _onednn.pack(linear.weight)  # not a buffer: nothing else can read or move this layout
        self.bias: Tensor | None
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach())
        self.run = _onednn.linear_gelu if gelu else _onednn.linear

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features). Raises InputError where a gradient is wanted: there is none."""
        refuse_gradients(x)
        return self.run(x, self.weight, self.bias)

"""The only door to torchvision: `from smalti._torchvision import torchvision`; timm needs it imported first.

On import torchvision registers shapes and gradients for its compiled operators, and fails where its compiled library
does not fit the installed torch ("operator torchvision::nms does not exist"): a CUDA build beside a CPU build of torch.
So its library is loaded first. Where that fails, the operators the import asks for are declared without a body:
data sets and transforms work, and calling `torchvision.ops.nms` raises torchvision's own explanation.
"""

import importlib.util
from importlib.machinery import PathFinder

import torch

__all__ = ["torchvision"]


def _load_operators() -> bool:
    """Loads torchvision's compiled operators without importing the package; whether they are there now."""
    package = importlib.util.find_spec("torchvision")
    library = package and PathFinder.find_spec("_C", package.submodule_search_locations)
    if not library or not library.origin:
        return False
    try:
        torch.ops.load_library(library.origin)
    except (OSError, RuntimeError):
        return False
    return hasattr(torch.ops.torchvision, "nms")


if not _load_operators():
    for _name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, _name):
            torch.library.define(f"torchvision::{_name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402 - after its operators

"""Each case in a fresh process, since an import happens once; made-up packages stand for installations not at hand."""

import subprocess
import sys
from pathlib import Path

import pytest

# What the real package does while it is imported, and what breaks it where its compiled library is not loaded.
PACKAGE = """
import torch

@torch.library.register_fake("torchvision::nms")
def _(dets, scores, iou_threshold):
    return dets.new_empty(0, dtype=torch.long)

@torch.library.register_fake("torchvision::qnms")
def _(dets, scores, iou_threshold):
    return dets.new_empty(0, dtype=torch.long)
"""
BOXES = "torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]]), torch.tensor([0.9, 0.8, 0.7]), 0.5"


def python(code: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `code` with warnings as errors; packages in `folder` come first."""
    before = f"import sys; sys.path.insert(0, {str(folder)!r})\n" if folder else ""
    return subprocess.run([sys.executable, "-W", "error", "-c", before + code], capture_output=True, text=True)


def package(folder: Path, library: bytes | None) -> Path:
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(PACKAGE)
    if library is not None:
        (folder / "torchvision" / "_C.so").write_bytes(library)
    return folder


def test_the_installed_torchvision_can_be_imported_and_timm_after_it():
    code = """
from smalti._torchvision import torchvision
from torchvision import datasets, transforms
import timm
assert torchvision.datasets is datasets
"""
    assert python(code).returncode == 0, python(code).stderr


def test_the_operators_are_the_real_ones_or_say_that_they_are_missing():
    code = f"""
import torch
from smalti._torchvision import torchvision
try:
    print(torchvision.ops.nms({BOXES}).tolist())
except RuntimeError as error:
    assert not torchvision.extension._has_ops()
    print(str(error).split(".")[0])
"""
    assert python(code).stdout.strip() in ("[0, 2]", "Couldn't load custom C++ ops")


@pytest.mark.parametrize("library", [None, b"not a library"], ids=["no library", "of another torch"])
def test_a_package_whose_library_does_not_load_is_imported_all_the_same(tmp_path: Path, library: bytes | None):
    folder = package(tmp_path, library)
    assert "operator torchvision::nms does not exist" in python("import torchvision", folder).stderr  # what is mended
    done = python("from smalti._torchvision import torchvision; print(torchvision.__file__)", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(folder / "torchvision" / "__init__.py")


def test_operators_that_load_are_kept(tmp_path: Path):
    code = f"""
import torch
made = torch.library.Library("torchvision", "DEF")

def load(path):  # stands for a library that fits
    assert path.endswith("_C.so"), path
    for name in ("nms", "qnms"):
        made.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        made.impl(name, lambda dets, scores, iou_threshold: torch.tensor([0, 2]), "CPU")

torch.ops.load_library = load
from smalti._torchvision import torchvision
print(torch.ops.torchvision.nms({BOXES}).tolist())
"""
    done = python(code, package(tmp_path, b""))
    assert done.stdout.strip() == "[0, 2]", done.stderr


def test_an_absent_torchvision_is_an_ordinary_import_error():
    code = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torchvision" else find(name, *rest)
sys_modules = __import__("sys").modules
sys_modules["torchvision"] = None
try:
    from smalti._torchvision import torchvision
except ModuleNotFoundError as error:
    print(error.name)
"""
    done = python(code)
    assert done.stdout.strip() == "torchvision", done.stderr

"""Whose processor it is, by what the system says of it."""

import platform
from pathlib import Path

import pytest

from smalti.nn import _onednn
from smalti.nn._processor import described, is_intel


@pytest.fixture(autouse=True)
def forget():
    described.cache_clear()
    yield
    described.cache_clear()


@pytest.mark.parametrize(("vendor", "intel"), [("GenuineIntel", True), ("AuthenticAMD", False)])
def test_linux_lists_its_processors(monkeypatch: pytest.MonkeyPatch, vendor: str, intel: bool):
    monkeypatch.setattr(Path, "read_text", lambda self: f"processor\t: 0\nvendor_id\t: {vendor}\n")
    assert is_intel() == intel


@pytest.mark.parametrize(
    ("told", "intel"), [("Intel64 Family 6 Model 158 Stepping 10, GenuineIntel", True), ("arm", False), ("", False)]
)
def test_other_systems_name_theirs(monkeypatch: pytest.MonkeyPatch, told: str, intel: bool):
    def missing(self: Path) -> str:
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(platform, "processor", lambda: told)
    assert is_intel() == intel


def test_mkl_keeps_its_products_on_intels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_onednn, "is_intel", lambda: True)
    monkeypatch.setattr(_onednn, "exact", lambda: pytest.fail("nothing is tried there"))
    with _onednn.fp32_products():
        pass

"""What tests of problems need around them."""

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path))

"""Each example runs to its end, with few steps, and does what it says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "cache"))


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run_here():
    here = Path(__file__).read_text("utf-8")
    assert all(f'example("{path.stem}")' in here for path in EXAMPLES.glob("*.py"))


def test_train_on_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    accuracy = example("train_on_a_folder").main(tmp_path, steps=60)
    assert accuracy > 0.4  # chance is 0.1
    out = capsys.readouterr().out
    assert "600 pictures of 10 classes; ready to train: True" in out
    assert "0003.png: " in out


def test_own_model():
    assert example("own_model").main(steps=80) > 0.7


def test_attention_maps(tmp_path: Path):
    path = example("attention_maps").main(tmp_path / "maps.png", steps=3, count=2)
    from PIL import Image

    with Image.open(path) as figure:
        assert min(figure.size) > 300
        assert len(set(figure.convert("L").resize((64, 64)).tobytes())) > 20  # something is drawn


def test_load_in_timm():
    pytest.importorskip("timm")
    assert example("load_in_timm").main(steps=3) < 1e-5

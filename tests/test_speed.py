"""The benchmarks of speed: who takes part, and when a table is written. Nothing is timed."""

import importlib
import json
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import timm

from smalti.models import preset_config

SPEED = Path(__file__).resolve().parents[1] / "benchmarks" / "speed"


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch):
    """A module of benchmarks/speed by its name."""
    monkeypatch.syspath_prepend(str(SPEED))
    yield importlib.import_module
    for path in SPEED.glob("*.py"):  # such plain names must not stay
        sys.modules.pop(path.stem, None)


def test_every_family_has_a_model_of_the_same_name_at_timm(part):
    for name, options in part("families").MODELS.values():
        preset_config(name, **options)
        assert timm.is_model(name)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_bf16_takes_part_where_the_cpu_has_it(part, monkeypatch, precision):
    interleaved = part("interleaved")
    monkeypatch.setattr(interleaved, "best_precision", lambda device: (precision, ""))
    monkeypatch.setattr(interleaved, "in_child", lambda make: nullcontext(lambda calls: 0.5 * calls))
    rows = interleaved.apart({"timm, fp32": None, "smalti, bf16": None}, items=1, rounds=2)
    assert [row["name"] for row in rows] == ["timm, fp32"] + ["smalti, bf16"] * (precision == "bf16")


def test_a_few_parts_replace_no_whole_table(part, monkeypatch, tmp_path):
    bench, written = part("bench"), []
    row = {"work": "w", "name": "timm", "items_per_second": 1.0, "ratio": 1.0}
    monkeypatch.setattr(bench, "HERE", tmp_path / "speed")
    monkeypatch.setattr(bench, "rows_of", lambda part, rounds: [row])
    monkeypatch.setattr(bench, "write_tables", written.append)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(sys, "argv", ["bench.py", "--only", "training,start"])
    bench.main()
    assert not written
    monkeypatch.setattr(sys, "argv", ["bench.py", "--only", ",".join(set(bench.PARTS) - {"training", "start"})])
    bench.main()
    [record] = written
    assert {one["part"] for one in record["rows"]} == set(bench.PARTS)
    assert json.loads(next((tmp_path / "results").glob("speed-*.json")).read_text()) == record

"""The tables of the docs say what the code has."""

import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import smalti
from smalti import errors
from smalti.data.formats.standard import STANDARD
from smalti.data.problems.finding import KINDS
from smalti.recipes.recipe import Recipe

DOCS = Path(__file__).resolve().parents[1] / "docs"


def text(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its rank."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |\Z)", text(page), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section {heading}"
    return found[2]


def rows(page: str, heading: str = "") -> list[list[str]]:
    """The cells of all table rows; code marks are kept."""
    lines = (section(page, heading) if heading else text(page)).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_kind_of_problem_is_explained():
    assert {codes(row[0])[0] for row in rows("data.md", "What the check finds") if codes(row[0])} == set(KINDS)


def test_the_standard_sets_are_these():
    assert set(codes(section("data.md", "By name"))) >= {*STANDARD, "digits"}


def test_run_toml_has_these_tables_and_fields():
    described = {codes(row[0])[0].strip("[]"): codes(row[1]) for row in rows("training.md") if "[" in row[0]}
    parts = {f.name: f.type for f in fields(Recipe)}
    sections = {name for name, kind in parts.items() if is_dataclass(kind)}
    assert set(described) == sections | {"run", "choices"}
    for name in sections:
        assert set(described[name]) == {f.name for f in fields(parts[name])}, name
    loose = next(codes(row[0]) for row in rows("training.md") if "`seed`" in row[0])
    assert set(loose) == set(parts) - sections


def test_the_run_folder_holds_these_files(tmp_path: Path):
    smalti.train("digits", steps=2, out=tmp_path / "run", show=False)
    found = {p.relative_to(tmp_path / "run").as_posix() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    told = [codes(row[0])[0] for row in rows("training.md", "The run folder") if codes(row[0])]
    assert {name for name in told if "." in name} == found - {".lock"}


def test_the_model_file_has_these_fields(tmp_path: Path):
    import json

    from safetensors import safe_open

    result = smalti.train("digits", steps=2, out=tmp_path / "run", show=False, report=False)
    with safe_open(result.model, framework="pt") as file:
        about = json.loads(file.metadata()["smalti"])
    described = {codes(row[0])[0]: codes(row[1]) for row in rows("model-file.md") if codes(row[0])}
    assert set(described) == {*about, "tokenizer"}  # which models of text have instead of preprocess
    assert set(described["preprocess"]) == set(about["preprocess"])


def test_exit_codes():
    told = {int(row[0]) for row in rows("cli.md") if row[0].isdigit()}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SmaltiError)]
    assert {0, 2, 3, 4, 74, 75} <= {0, *(kind.exit for kind in kinds)} <= told


def test_the_public_calls_are_these():
    calls = {}
    for row in rows("python.md"):
        if found := re.match(r"`smalti\.(\w+)\((.*)\)`", row[0]):
            calls[found[1]] = re.findall(r"(\w+)(?:=|,|$)", re.sub(r'"[^"]*"', '""', found[2]))
    assert set(calls) == set(smalti.__all__) - {"__version__"}
    for name, said in calls.items():
        known = set(inspect.signature(getattr(smalti, name)).parameters)
        assert {word for word in said if word not in ("None", "True", "False") and not word.isdigit()} <= known, name

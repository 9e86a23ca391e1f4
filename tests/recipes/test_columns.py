"""Runs on tables whose columns have other names, from the command line to a measurement."""

import json
import shlex
import tomllib
from pathlib import Path

import pytest
from PIL import Image

import smalti
from smalti.cli import run
from smalti.errors import InputError

TINY = "--model cct_nano_patch2_8 --set model.options.depth=2 --set optim.lr=0.01 --device cpu --steps 2"
NAMED = "--column label=dx --column group=lesion_id"


@pytest.fixture
def ham(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part_1").mkdir()
    rows = []
    for i in range(40):
        Image.new("L", (8, 8), 6 * i).save(tmp_path / f"part_1/I{i}.png")
        rows.append(f"H{i // 2},I{i},{'mel' if i % 4 < 2 else 'nv'},{30 + i % 2}\n")
    path = tmp_path / "meta.csv"
    path.write_text("lesion_id,image_id,dx,age\n" + "".join(rows))
    return path


def smalti_(line: str) -> int:
    return run(shlex.split(line))


def test_a_run_keeps_what_its_columns_mean(ham: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert smalti_(f"train meta.csv {NAMED} {TINY} --out a") == 0
    assert tomllib.loads(Path("a/run.toml").read_text())["run"]["columns"] == {"label": "dx", "group": "lesion_id"}
    ham.rename("moved.csv")
    assert smalti_("train moved.csv --resume a") == 0
    capsys.readouterr()
    right = json.loads(Path("a/result.json").read_text())["metrics"]["accuracy"]
    for named in (NAMED, ""):  # which the model file knows
        assert smalti_(f"evaluate a moved.csv {named} --json") == 0
        assert json.loads(capsys.readouterr().out)["metrics"]["accuracy"] == right
    assert smalti_("evaluate a moved.csv --column label=age") == 2
    assert "30, 31" in capsys.readouterr().err
    assert smalti_("probe a moved.csv -k 3") == 0
    settings = Path("a/run.toml")
    settings.write_text(settings.read_text().replace('label = "dx"', 'label = "age"'))
    with pytest.raises(InputError, match="the data has changed"):
        smalti.resume("a", show=False)


def test_other_data_than_a_model_learned_from_may_have_other_columns(ham: Path, capsys: pytest.CaptureFixture[str]):
    assert smalti_(f"train meta.csv {NAMED} {TINY} --out a") == 0
    text = ham.read_text()
    plain, lacking = text.replace("dx", "label", 1), text.replace("dx", "diagnosis", 1)
    ham.write_text(plain.replace("lesion_id", "group", 1))
    assert smalti_("evaluate a meta.csv") == 0
    classes = Path("classes")
    for i, label in enumerate(["mel", "nv"] * 4):
        (classes / label).mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9 * i).save(classes / label / f"{i}.png")
    assert smalti_("evaluate a classes --split all") == 0
    ham.write_text(lacking)
    capsys.readouterr()
    assert smalti_("evaluate a meta.csv") == 2
    assert "--column label=diagnosis" in capsys.readouterr().err


def test_a_table_with_one_reading_needs_no_word(ham: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ham.write_text("".join(",".join(row.split(",")[1:3]) + "\n" for row in ham.read_text().splitlines()))
    assert smalti_("check meta.csv") == 0
    assert "column image_id is taken for the path" in " ".join(capsys.readouterr().out.split())
    assert smalti_(f"train meta.csv {TINY} --out a") == 0
    assert "table: column dx is taken for the label  (if it is another, say which" in capsys.readouterr().err


def test_texts_with_columns_of_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = (f"{'ab'[i % 2] * (2 + i // 2)},{'AB'[i % 2]}\n" for i in range(120))
    Path("imdb.csv").write_text("review,sentiment\n" + "".join(rows))
    columns = {"text": "review", "label": "sentiment"}
    assert smalti.check("imdb.csv", columns=columns).to_dict()["classes"] == {"A": 60, "B": 60}
    tiny = {"model.options.embed_dim": 16, "model.options.depth": 1, "model.options.num_heads": 2}
    made = smalti.train("imdb.csv", columns=columns, steps=2, out="run", overrides=tiny, device="cpu", show=False)
    assert made.task == "classify"
    assert smalti.resume("run", show=False).metrics == made.metrics
    Path("new.csv").write_text("id,review\n1,aaaa\n2,bb\n")
    Path("plain.csv").write_text("text\naaaa\nbb\n")
    for named in (columns, None):  # which the model file knows
        assert smalti.evaluate("run", "imdb.csv", columns=named, device="cpu", show=False).metrics == made.metrics
        said = smalti.predict("run", ["new.csv"], columns=named and {"text": "review"}, device="cpu")
        assert [one.to_dict()["text"] for one in said] == ["aaaa", "bb"]
    assert len([*smalti.predict("run", ["plain.csv"], device="cpu")]) == 2
    (error,) = smalti.predict("run", ["aaaa"], columns={"text": "review"}, device="cpu")
    assert "--column is about a table" in str(error.error)
    with pytest.raises(InputError, match="--column is for tables, and every input is a text"):
        smalti.predict("run", ["aaaa"], columns={"text": "review"}, texts=True, device="cpu")
    with pytest.raises(InputError, match="--column label=NAME"):
        smalti.evaluate("run", "plain.csv", device="cpu", show=False)
    Path("other.csv").write_text(Path("imdb.csv").read_text().replace("review,sentiment", "a,b"))
    with pytest.raises(InputError, match="--column text=NAME --column label=NAME"):
        smalti.evaluate("run", "other.csv", device="cpu", show=False)

"""A finished model of text, measured again: on its own data, on other data, and the page of it."""

import json

import pytest
from tests.text_runs import FILES

import smalti
from smalti.errors import InputError


@pytest.mark.parametrize("task", FILES)
def test_evaluation_of_the_file_repeats_the_figures_of_the_run(text_runs, task):
    data, result = text_runs[task]
    again = smalti.evaluate(result.model, data, show=False)
    for name, metric in result.metrics.items():
        assert again.metrics[name].value == pytest.approx(metric.value, rel=1e-5), name


def test_a_classifier_is_measured_class_by_class(text_runs, tmp_path):
    """On other texts, of which every third has the wrong class."""
    wrong = tmp_path / "wrong.csv"
    lines = [f"{'ab'[i % 2] * (40 + i)},{'AB'[(i + (i % 3 == 0)) % 2]}" for i in range(30)]
    wrong.write_text("\n".join(["text,label", *lines]))
    found = smalti.evaluate(text_runs["classify"][1].model, wrong, split="all", report=tmp_path / "r.html", show=False)
    assert [row["label"] for row in found.table] == ["A", "B"]
    assert found.confusion.sum() == found.n == 30
    assert len(found.mistakes) == 30 - found.confusion.trace() >= 10
    sure = [mistake.probability for mistake in found.mistakes]
    assert sure == sorted(sure, reverse=True)
    worst = found.mistakes[0]
    assert {worst.target, worst.predicted} == {"A", "B"}
    assert f"{worst.sample},{worst.target}" in lines
    page = (tmp_path / "r.html").read_text()
    assert all(word in page for word in ("Most confident mistakes", f"<bdi>{worst.sample}</bdi>", "Texts</th>"))
    told = json.loads(json.dumps(found.to_dict()))
    assert told["confusion"] == found.confusion.tolist()
    assert [row["label"] for row in told["classes"]] == ["A", "B"]


@pytest.mark.parametrize("task", FILES)
def test_all_of_a_data_set_is_its_parts_together(text_runs, task):
    data, result = text_runs[task]
    parts = [smalti.evaluate(result.model, data, split=split, show=False).n for split in ("train", "val", "test")]
    joints = 2 if task == "next-token" else 0  # the first token of a part is not predicted
    whole = smalti.evaluate(result.model, data, split="all", show=False).n
    assert whole == sum(parts) + joints or task == "masked-token"
    assert whole > max(parts)


def test_a_report_says_what_the_data_is_to_the_model(text_runs, tmp_path, capsys):
    data, result = text_runs["classify"]
    other = tmp_path / "other.csv"
    other.write_text(data.read_text() + "aaa,A\n")
    for name, split, says in [
        (data, "test", "texts it had never seen"),
        (data, "all", "It learned from most of these texts"),
        (other, "test", "texts of other data"),
    ]:
        smalti.evaluate(result.model, name, split=split, report=tmp_path / "r.html")
        assert ("It learned from most of these texts" in capsys.readouterr().err) == (split == "all")
        page = (tmp_path / "r.html").read_text()
        assert says in page
        assert f"trained on {str(data)[:20]}" in page
        assert ("never seen" in page) == ("never seen" in says)


def test_a_character_without_an_id_is_told_with_its_file(text_runs, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("the cat sat. " * 90 + "~")
    with pytest.raises(InputError, match="'~'") as refused:
        smalti.evaluate(text_runs["next-token"][1].model, other, show=False)
    assert refused.value.where == f"{other}, test"


@pytest.mark.parametrize(("task", "unit"), [("classify", "texts"), ("seq2seq", "pairs"), ("next-token", "characters")])
def test_a_share_of_other_data_is_called_one(text_runs, tmp_path, capsys, task, unit):
    data, result = text_runs[task]
    other = tmp_path / data.name
    lines = data.read_text().splitlines(keepends=True)
    other.write_text("".join(lines[:-1]))
    for name, split, says in [(other, "test", True), (other, "all", False), (data, "test", False)]:
        found = smalti.evaluate(result.model, name, split=split)
        told = capsys.readouterr().err
        assert ("--split all measures every one" in told) == says
        if says and task != "next-token":
            assert f"test: {found.n} of {len(lines) - 2} {unit}" in told
    if task == "classify":
        rows = [f"{line.strip()},{'test' if i % 4 > 1 else 'train'}\n" for i, line in enumerate(lines[1:])]
        other.write_text("".join(["text,label,split\n", *rows]))
        smalti.evaluate(result.model, other)
        assert "--split all" not in capsys.readouterr().err  # it says itself what judges


def test_documents_of_pairs_widen_the_intervals(text_runs, tmp_path):
    """A column group says which pairs are of one; both ways to write a target know it."""
    rows = [line.split(",") for line in text_runs["seq2seq"][0].read_text().split()[1:]]
    alone, grouped = tmp_path / "alone.csv", tmp_path / "grouped.csv"
    alone.write_text("\n".join(["source,target", *(f"{a},{b}" for a, b in rows)]))
    grouped.write_text("\n".join(["source,target,group", *(f"{a},{b},{int(a) // 20}" for a, b in rows)]))
    model = smalti.load(text_runs["seq2seq"][1].model, device="cpu")
    for beams in (1, 2):
        options = {"split": "all", "beams": beams, "show": False}
        plain, known = (smalti.evaluate(model, data, **options).metrics for data in (alone, grouped))
        assert {metric.groups for metric in known.values()} == {15}
        for name in ("sequence_accuracy", "token_accuracy", "loss"):
            assert known[name].value == plain[name].value
        assert known["loss"].high - known["loss"].low > plain["loss"].high - plain["loss"].low

"""Runs on text, from a file to a judged model."""

import json
import math

import pytest
from tests.text_runs import FILES, LINES, TINY, text_file

import smalti
from smalti.errors import InputError
from smalti.modelfile import read_any_model
from smalti.recipes.recipe import ModelConfig
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.systems import open_system
from smalti.recipes.text.tokens import choose_tokens
from smalti.train.budget import Budget

HEADLINES = {
    "next-token": "loss",
    "masked-token": "masked_accuracy",
    "seq2seq": "sequence_accuracy",
    "classify": "accuracy",
}


@pytest.mark.parametrize("task", FILES)
def test_the_task_is_found_and_its_figures_are_kept(text_runs, task):
    _, result = text_runs[task]
    assert result.task == task
    assert next(iter(result.metrics)) == HEADLINES[task]
    told = json.loads((result.run / "result.json").read_text())
    assert told["metrics"] == {name: metric.to_dict() for name, metric in result.metrics.items()}
    assert read_any_model(result.model).task == task
    assert "never seen" in (result.run / "report.html").read_text()


def test_the_report_shows_what_is_written(text_runs):
    for task, shown in {"next-token": "A text that it wrote", "seq2seq": "wanted: "}.items():
        page = (text_runs[task][1].run / "report.html").read_text()
        assert shown in page
        assert "What it writes" in page
    assert "What it writes" not in (text_runs["classify"][1].run / "report.html").read_text()


def test_sixty_steps_learn_something(text_runs):
    assert text_runs["next-token"][1].metrics["loss"].value < 0.8 * math.log(len(set(LINES)))
    assert text_runs["classify"][1].metrics["accuracy"].value > 0.9


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_row_that_no_model_takes_is_told_before_the_run(tmp_path, split):
    """Not when it is come to: a test row would throw away all that was learned."""
    data = tmp_path / "pairs.csv"
    rows = [f"{i},{i},{'train' if i % 3 else 'val' if i % 2 else 'test'}" for i in range(30)]
    data.write_text("\n".join(["source,target,split", *rows, f"{'1' * 513},2,{split}"]))
    with pytest.raises(InputError, match=r"line 32: 513 tokens are more than max_len 512; .*--set tokens.max_len=513"):
        smalti.train(data, steps=1, out=tmp_path / "run", overrides=TINY, show=False)
    assert not (tmp_path / "run").exists()


def test_a_text_without_line_breaks_is_written_from_too(tmp_path):
    path = tmp_path / "dna.txt"
    path.write_text("ACGTTGCA" * 200)
    result = smalti.train(path, steps=1, out=tmp_path / "run", overrides=TINY, show=False)
    assert "A text that it wrote" in (result.run / "report.html").read_text()
    assert len(smalti.load(result.model, device="cpu").sample(max_tokens=5)[0]) == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "vit_tiny_patch16_224"}, "no model for next-token"),
        ({"model": "bert_mini"}, "no model for next-token"),
        ({"overrides": {"tokens.tokenizer": "wordpiece"}}, "--from"),
        ({"task": "seq2seq"}, "column"),
        ({"task": "classify"}, "."),
        ({"overrides": {"tokens.tokenizer": "words"}}, "tokens.tokenizer"),
        ({"overrides": {"augment.crop": "none"}}, "augment"),
        ({"overrides": {"tokens.max_len": 100_000}}, "too few"),
        ({"teacher": "x"}, "teacher"),
        ({"overrides": {"target.sampling": "balanced"}}, "target.sampling"),
        ({"overrides": {"target.smoothing": 0.1}}, "for classes"),
        ({"bad_images": "skip"}, "--bad-images is for pictures"),
        ({"leaks": "drop"}, "--leaks is for pictures"),
        ({"workers": 2}, "--workers is for pictures"),
        ({"overrides": {"transfer.rank": 4}}, "transfer.rank = .* for pictures"),
        ({"overrides": {"transfer.blocks": 1}}, "transfer.blocks = .* for pictures"),
    ],
)
def test_what_cannot_be_is_one_clear_line(tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        smalti.train(text_file(tmp_path), steps=1, out=tmp_path / "run", show=False, **options)
    assert not (tmp_path / "run").exists()


def test_a_part_with_nothing_to_predict_is_told_before_the_run(tmp_path):
    """Not after all training: the test of one character leaves no token behind another."""
    data = tmp_path / "given"
    data.mkdir()
    for name, text in (("train", LINES * 9), ("val", "the cat"), ("test", "t")):
        (data / f"{name}.txt").write_text(text)
    with pytest.raises(InputError, match=r"given, test: there is nothing to predict .it has 1 token"):
        smalti.train(data, steps=1, out=tmp_path / "run", overrides=TINY, show=False)
    assert not (tmp_path / "run").exists()


def test_a_table_of_texts_with_other_columns_says_what_they_are_to_be_called(tmp_path):
    (tmp_path / "imdb.csv").write_text("review,sentiment\ngood,pos\n")
    with pytest.raises(InputError, match="of texts text,label or source,target"):
        smalti.check(tmp_path / "imdb.csv")
    rows = [f"{i},a good film,pos\n{-i},a very bad film,neg\n" for i in range(1, 10)]
    (tmp_path / "imdb.csv").write_text("id,review,my sentiment\n" + "".join(rows))
    with pytest.raises(InputError, match="--column text=review --column 'label=my sentiment';"):
        smalti.check(tmp_path / "imdb.csv")
    (tmp_path / "de.csv").write_text("en,de\nthe cat sat down,die Katze setzte sich\n")
    with pytest.raises(InputError, match="--column source=en --column target=de;"):
        smalti.check(tmp_path / "de.csv")


@pytest.mark.parametrize("model", [None, "lstm_char"])
def test_a_very_short_text_is_learned_from_too(tmp_path, model):
    path = tmp_path / "note.txt"
    path.write_text("a note of a few words. " * 10)
    result = smalti.train(path, model=model, steps=2, out=tmp_path / "run", report=False, show=False)
    assert result.metrics["loss"].value > 0


def test_labelled_texts_are_cut_into_pieces_where_they_can_be(text_runs, monkeypatch):
    made = read_any_model(text_runs["classify"][1].model).processor
    assert made.kind == "bpe"
    assert made.specials == ("start", "end")
    assert choose_tokens("classify", {"tokenizer": "characters"}).tokenizer == "characters"
    assert choose_tokens("next-token", {}).tokenizer == "characters"
    monkeypatch.setattr("smalti.recipes.text.tokens.has_library", lambda: False)
    assert choose_tokens("classify", {}).tokenizer == "characters"


def test_the_settings_of_targets_reach_the_loss_of_texts(text_runs):
    """Rare classes weigh more where asked, as with pictures."""
    system = open_system(text_runs["classify"][0], "classify", TokensConfig())
    recipe = TextRecipe(ModelConfig("bert_mini"), TokensConfig(), Budget(steps=1))
    plain = system.objective(recipe, None)
    weighed = system.objective(recipe.with_settings({"target.class_weights": "auto", "target.smoothing": 0.2}), None)
    assert plain.class_weights is None
    assert len(weighed.class_weights) == 2
    assert weighed.smoothing == 0.2


@pytest.mark.parametrize(
    ("rows", "told"),
    [("hi,a\nho,a\n", "only one class to learn, 'a'"), ("hi,a\nho,b\n", "no class has two texts.*: a, b")],
)
def test_labelled_texts_that_leave_nothing_to_learn_or_test_are_refused_before_anything_is_written(
    rows, told, tmp_path
):
    table = tmp_path / "one.csv"
    table.write_text(f"text,label\n{rows}")
    for refused in (smalti.check, lambda data: smalti.train(data, steps=2, out=tmp_path / "run", show=False)):
        with pytest.raises(InputError, match=told):
            refused(table)
    assert not (tmp_path / "run").exists()

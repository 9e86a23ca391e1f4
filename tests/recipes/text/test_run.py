"""Runs on text, from a file to a judged model."""

import json
import math
import os
import signal
import time

import pytest
import torch
from tests.text_runs import FILES, LINES, SMALL, pair_file, text_file

import smalti
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError, Interrupted
from smalti.modelfile import ModelFile, read_any_model, write_model
from smalti.recipes.recipe import ModelConfig
from smalti.recipes.text.choose import choose_text
from smalti.recipes.text.recipe import TextRecipe, TokensConfig
from smalti.recipes.text.run import judging_seconds
from smalti.recipes.text.systems import open_system
from smalti.recipes.text.tokens import choose_tokens
from smalti.train.budget import Budget
from smalti.train.loop import Stopped, fit

TINY = {f"model.options.{name}": value for name, value in SMALL.items()}
UNITS = {"model.options.embed_dim": 16, "model.options.hidden_dim": 16, "model.options.depth": 1}
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


def test_the_report_shows_what_is_written(text_runs):
    for task, shown in {"next-token": "A text that it wrote", "seq2seq": "wanted: "}.items():
        page = (text_runs[task][1].run / "report.html").read_text()
        assert shown in page
        assert "What it writes" in page
    assert "What it writes" not in (text_runs["classify"][1].run / "report.html").read_text()


def test_sixty_steps_learn_something(text_runs):
    assert text_runs["next-token"][1].metrics["loss"].value < 0.8 * math.log(len(set(LINES)))
    assert text_runs["classify"][1].metrics["accuracy"].value > 0.9


@pytest.mark.parametrize(("model", "options"), [("gpt_char_mini", TINY), ("lstm_char", UNITS), ("gru_char", UNITS)])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tmp_path, monkeypatch, model, options):
    """Twelve steps cross the end of an epoch; the memory of recurrent streams is part of what is kept. The text may
    have moved meanwhile."""
    data = text_file(tmp_path)
    call = {"model": model, "steps": 12, "report": False, "show": False}
    call["overrides"] = {**options, "tokens.max_len": 32, "loop.batch_size": 16, "loop.ema_decay": 0.9}
    whole = smalti.train(data, out=tmp_path / "whole", **call)
    with monkeypatch.context() as patch:
        patch.setattr("smalti.recipes.training.fit", stopping_at(7))
        with pytest.raises(Interrupted, match="--resume"):
            smalti.train(data, out=tmp_path / "cut", **call)
    resumed = smalti.resume(tmp_path / "cut", data.rename(tmp_path / "moved.txt"), show=False)
    a, b = (read_any_model(result.model).module.state_dict() for result in (whole, resumed))
    assert all(torch.equal(a[name], b[name]) for name in a)
    rows = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "cut")]
    judged = [[json.loads(row)["val_loss"] for row in some if "val_loss" in row] for some in rows]
    assert judged[0] == judged[1]


def test_a_run_stopped_while_it_is_judged_says_how_to_go_on(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("smalti.recipes.text.run.prepared", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted, match="--resume"):
            smalti.train(text_file(tmp_path), steps=1, out=tmp_path / "run", overrides=TINY, report=False, show=False)
    assert smalti.resume(tmp_path / "run", show=False).metrics


def stopping_at(step):
    def cut(*args, listener, **kwargs):
        tell = listener.on_step

        def on_step(state, progress, values):
            tell(state, progress, values)
            if state.step == step:
                listener.save(state)
                raise Stopped

        listener.on_step = on_step
        return fit(*args, listener=listener, **kwargs)

    return cut


def test_minutes_are_kept(tmp_path):
    result = smalti.train(
        text_file(tmp_path), minutes=0.2, out=tmp_path / "run", overrides=TINY, report=False, show=False
    )
    assert result.seconds < 0.2 * 60 + 3


def test_time_is_kept_to_write_the_targets_of_the_test(tmp_path, monkeypatch):
    """All of a few are written, so that what it takes is known."""
    pytest.importorskip("sacrebleu")
    system = open_system(pair_file(tmp_path), "seq2seq", TokensConfig())
    model = TextRecipe(ModelConfig("seq2seq_mini", SMALL), TokensConfig(), Budget(steps=1)).build(**system.found)

    def write(model, tokenizer, source, beams):
        time.sleep(0.3)
        return ["a b c d"] * len(source)

    monkeypatch.setattr("smalti.recipes.text.pairs.write_targets", write)
    monkeypatch.setattr("smalti.recipes.text.run.REHEARSED", 3)
    assert judging_seconds(system, model) > 0.3 * system.sizes["test"] / 3


def test_bytes_read_any_file(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("d\xe9j\xe0 vu, ".encode("latin-1") * 300)
    with pytest.raises(InputError, match="not UTF-8") as refused:
        smalti.train(path, steps=1, out=tmp_path / "no", show=False)
    assert "--bytes" in str(refused.value)
    result = smalti.train(
        path,
        steps=2,
        out=tmp_path / "run",
        overrides={**TINY, "tokens.tokenizer": "bytes"},
        report=False,
        show=False,
    )
    assert read_any_model(result.model).preprocess.kind == "bytes"


def test_bytes_of_a_program_are_a_text_and_those_of_pictures_are_none(tmp_path):
    program = tmp_path / "program.bin"
    program.write_bytes(bytes(range(256)) * 20)
    call = {"steps": 1, "report": False, "show": False, "overrides": {**TINY, "tokens.tokenizer": "bytes"}}
    result = smalti.train(program, out=tmp_path / "run", **call)
    assert result.task == "next-token"
    assert read_any_model(result.model).preprocess.kind == "bytes"
    assert smalti.resume(result.run, show=False).metrics == result.metrics
    photos = tmp_path / "photos"
    (photos / "cat").mkdir(parents=True)
    (photos / "cat" / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match="--bytes is for text"):
        smalti.train(photos, out=tmp_path / "no", **call)
    with pytest.raises(InputError, match=r"none\.bin"):
        smalti.train(tmp_path / "none.bin", out=tmp_path / "no", **call)
    assert not (tmp_path / "no").exists()


def test_a_text_without_line_breaks_is_written_from_too(tmp_path):
    path = tmp_path / "dna.txt"
    path.write_text("ACGTTGCA" * 200)
    result = smalti.train(path, steps=1, out=tmp_path / "run", overrides=TINY, show=False)
    assert "A text that it wrote" in (result.run / "report.html").read_text()
    assert len(smalti.load(result.model, device="cpu").sample(max_tokens=5)[0]) == 5


def test_data_that_changed_is_not_gone_on_with(tmp_path):
    data = text_file(tmp_path)
    smalti.train(data, steps=2, out=tmp_path / "run", overrides=TINY, report=False, show=False)
    data.write_text(LINES * 101)
    with pytest.raises(InputError, match="changed"):
        smalti.resume(tmp_path / "run", show=False)


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
        ({"overrides": {"transfer.rank": 4}}, "transfer.rank is for pictures"),
        ({"overrides": {"transfer.blocks": 1}}, "transfer.blocks is for pictures"),
    ],
)
def test_what_cannot_be_is_one_clear_line(tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        smalti.train(text_file(tmp_path), steps=1, out=tmp_path / "run", show=False, **options)
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_run_begins_with_what_another_has_learned(text_runs, tmp_path):
    """Going on is better than starting over; the tokenizer is that of the start, and the start may then go."""
    data, first = text_runs["next-token"]
    start = tmp_path / "start.safetensors"
    start.write_bytes(first.model.read_bytes())
    call = {"start": start, "steps": 6, "report": False, "show": False}
    tuned = smalti.train(data, out=tmp_path / "tuned", **call)
    fresh = smalti.train(data, steps=6, out=tmp_path / "fresh", overrides=TINY, report=False, show=False)
    assert tuned.metrics["loss"].value < fresh.metrics["loss"].value
    assert read_any_model(tuned.model).preprocess == read_any_model(first.model).preprocess
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("smalti.recipes.training.fit", stopping_at(3))
        with pytest.raises(Interrupted):
            smalti.train(data, out=tmp_path / "cut", **call)
    start.unlink()
    resumed = smalti.resume(tmp_path / "cut", show=False)
    a, b = (read_any_model(result.model).module.state_dict() for result in (tuned, resumed))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_kind_of_tokenizer_is_that_of_the_start(tmp_path):
    """Bytes leave ends of lines as they are, in the run and when it is resumed."""
    data = tmp_path / "dos.txt"
    data.write_bytes(LINES.replace("\n", "\r\n").encode() * 100)
    call = {"report": False, "show": False}
    first = smalti.train(data, steps=1, out=tmp_path / "first", overrides={**TINY, "tokens.tokenizer": "bytes"}, **call)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("smalti.recipes.training.fit", stopping_at(1))
        with pytest.raises(Interrupted):
            smalti.train(data, start=first.model, steps=2, out=tmp_path / "cut", **call)
    assert read_any_model(smalti.resume(tmp_path / "cut", show=False).model).preprocess.kind == "bytes"
    with pytest.raises(InputError, match=r'tokens.tokenizer = "bpe", and the model it begins with has bytes'):
        smalti.train(
            data, start=first.model, steps=1, out=tmp_path / "no", overrides={"tokens.tokenizer": "bpe"}, **call
        )


def test_the_length_is_that_of_the_positions_the_start_has_learned(text_runs, tmp_path):
    data, first = text_runs["next-token"]
    call = {"start": first.model, "steps": 1, "report": False, "show": False}
    with pytest.raises(InputError, match=r"tokens.max_len = 64, and the model it begins with sees 128 tokens"):
        smalti.train(data, out=tmp_path / "no", overrides={"tokens.max_len": 64}, **call)
    assert not (tmp_path / "no").exists()
    assert smalti.train(data, out=tmp_path / "same", overrides={"tokens.max_len": 128}, **call).metrics
    turned = {**TINY, "model.options.pos_embed": "rope"}  # no table: any length will do
    rotary = smalti.train(data, steps=1, out=tmp_path / "rope", overrides=turned, report=False, show=False)
    call["start"] = rotary.model
    shorter = smalti.train(data, out=tmp_path / "shorter", overrides={"tokens.max_len": 64}, **call)
    assert read_any_model(shorter.model).module.config.max_len == 64


@pytest.mark.parametrize(
    ("model", "named", "rate", "why"),
    [
        (None, {}, 1e-2, "measured for small models"),
        (None, {"name": "adamw"}, 1e-3, "measured for small models"),
        (None, {"name": "sgd"}, 1e-3, "AdamW's: none was measured for sgd and such a model"),
        (None, {"name": "sgd", "lr": 0.1}, 0.1, "you named it"),
        ("lstm_char", {}, 6e-3, "measured for small models"),
        ("lstm_char", {"name": "muon"}, 6e-3, "AdamW's: none was measured for muon and such a model"),
    ],
)
def test_a_learning_rate_says_what_it_was_measured_for(text_runs, model, named, rate, why):
    system = open_system(text_runs["next-token"][0], "next-token", TokensConfig())
    settings = {"optim": named} | ({"model": {"preset": model}} if model else {})
    recipe, choices = choose_text(system, Budget(steps=1), settings, torch.device("cpu"))
    (told,) = (choice for choice in choices if choice.name == "learning rate")
    assert (recipe.optim.lr, told.value, told.reason) == (rate, f"{rate:g}", why)


def test_a_classifier_begins_with_a_model_of_hidden_tokens(text_runs, tmp_path):
    _, masked = text_runs["masked-token"]
    data = tmp_path / "reviews.csv"
    data.write_text("text,label\n" + "".join(f"the {'cat' if i % 2 else 'dog'},{'AB'[i % 2]}\n" for i in range(40)))
    result = smalti.train(data, start=masked.model, steps=4, out=tmp_path / "run", report=False, show=False)
    assert result.task == "classify"
    made, start = read_any_model(result.model), read_any_model(masked.model)
    assert made.labels == ("A", "B")
    assert made.preprocess == start.preprocess.with_specials("start", "end") != start.preprocess
    learned, known = (file.module.token_embed.weight for file in (made, start))
    assert len(learned) == len(known) + 2
    assert (learned[: len(known)] - known).abs().max() < 0.1


@pytest.mark.parametrize("task", ["classify", "seq2seq"])
def test_no_run_on_text_is_judged_on_what_its_start_has_learned(task, text_runs, tmp_path):
    data, first = text_runs[task]
    with pytest.raises(InputError, match="add --seed 0"):
        smalti.train(data, start=first.model, seed=1, steps=1, out=tmp_path / "run", show=False)


def test_a_model_of_pictures_is_no_start_for_text(tmp_path):
    picture = tmp_path / "m.safetensors"
    module = smalti.create_model("vit_nano_patch2_8", num_classes=2, depth=1)
    rule = Preprocess((8, 8), 3, (0.5,) * 3, (0.25,) * 3)
    write_model(picture, ModelFile("vit", module, "classify", ("a", "b"), rule))
    with pytest.raises(InputError, match="model of pictures"):
        smalti.train(text_file(tmp_path), start=picture, steps=1, out=tmp_path / "run", show=False)


@pytest.mark.parametrize("model", [None, "lstm_char"])
def test_a_very_short_text_is_learned_from_too(tmp_path, model):
    path = tmp_path / "note.txt"
    path.write_text("a note of a few words. " * 10)
    result = smalti.train(path, model=model, steps=2, out=tmp_path / "run", report=False, show=False)
    assert result.metrics["loss"].value > 0


def test_labelled_texts_are_cut_into_pieces_where_they_can_be(text_runs, monkeypatch):
    made = read_any_model(text_runs["classify"][1].model).preprocess
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


def test_labelled_texts_of_one_class_are_refused_before_anything_is_written(tmp_path):
    table = tmp_path / "one.csv"
    table.write_text("text,label\nhi,a\nho,a\n")
    for refused in (smalti.check, lambda data: smalti.train(data, steps=2, out=tmp_path / "run", show=False)):
        with pytest.raises(InputError, match="only one class to learn, 'a'"):
            refused(table)
    assert not (tmp_path / "run").exists()

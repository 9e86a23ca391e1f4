"""Runs on text, from a file to a judged model."""

import json
import math
import os
import signal
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.text_runs import FILES, LINES, SMALL, pair_file, text_file

import smalti
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError, Interrupted
from smalti.modelfile import ModelFile, read_any_model, write_model
from smalti.models import preset_config
from smalti.recipes.asked import reads_bytes
from smalti.recipes.recipe import ModelConfig
from smalti.recipes.text.choose import choose_text
from smalti.recipes.text.language import some_of
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


def test_the_model_is_kept_whatever_becomes_of_the_test(tmp_path, monkeypatch):
    data = text_file(tmp_path)
    call = {"steps": 1, "overrides": TINY, "report": False, "show": False}
    with monkeypatch.context() as patch:
        patch.setattr("smalti.recipes.text.language.Language.measure", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            smalti.train(data, out=tmp_path / "run", **call)
    assert read_any_model(tmp_path / "run" / "model.safetensors").provenance["metrics"] == {}
    result = smalti.resume(tmp_path / "run", show=False)
    assert read_any_model(result.model).provenance["metrics"]["loss"]["value"] == result.metrics["loss"].value


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_row_that_no_model_takes_is_told_before_the_run(tmp_path, split):
    """Not when it is come to: a test row would throw away all that was learned."""
    data = tmp_path / "pairs.csv"
    rows = [f"{i},{i},{'train' if i % 3 else 'val' if i % 2 else 'test'}" for i in range(30)]
    data.write_text("\n".join(["source,target,split", *rows, f"{'1' * 513},2,{split}"]))
    with pytest.raises(InputError, match=r"line 32: 513 tokens are more than max_len 512; .*--set tokens.max_len=513"):
        smalti.train(data, steps=1, out=tmp_path / "run", overrides=TINY, show=False)
    assert not (tmp_path / "run").exists()


def test_a_character_that_the_start_has_no_id_for_is_told_before_the_run(text_runs, tmp_path):
    rows = [f"{i},{i},{'train' if i % 3 else 'val' if i % 2 else 'test'}" for i in range(30)]
    (tmp_path / "pairs.csv").write_text("\n".join(["source,target,split", *rows, "x,1,test"]))
    with pytest.raises(InputError, match="line 32: character 'x'"):
        smalti.train(tmp_path / "pairs.csv", start=text_runs["seq2seq"][1].model, steps=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def chosen(data, task, **settings):
    """The choices of the rule, without a run."""
    system = open_system(data, task, choose_tokens(task, settings.get("tokens", {})))
    return system, choose_text(system, Budget(steps=1), settings, torch.device("cpu"))[0]


@pytest.mark.parametrize(("longest", "max_len"), [(20, None), (127, None), (128, 129), (300, 301), (600, 512)])
def test_pairs_are_read_in_full(tmp_path, longest, max_len):
    """A target stands behind its start."""
    data = tmp_path / "pairs.csv"
    data.write_text(f"source,target\nab,c\nb,{'a' * longest}\n")
    assert chosen(data, "seq2seq")[1].tokens.max_len == max_len
    assert chosen(data, "seq2seq", tokens={"max_len": 99})[1].tokens.max_len == 99
    assert chosen(data, "seq2seq", model={"preset": "lstm_seq2seq_mini"})[1].tokens.max_len is None


@pytest.mark.parametrize(("longest", "max_len"), [(20, None), (126, None), (300, 302), (600, 512)])
def test_most_labelled_texts_are_read_in_full(tmp_path, longest, max_len):
    """A few very long ones do not decide; a text stands between start and end."""
    lines = [f"{'ab'[i % 2] * (2000 if i == 7 else longest)},{'ab'[i % 2]},train" for i in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label,split", *lines]))
    letters = {"tokenizer": "characters"}
    assert chosen(tmp_path / "t.csv", "classify", tokens=letters)[1].tokens.max_len == max_len
    named = {**letters, "max_len": 64}
    assert chosen(tmp_path / "t.csv", "classify", tokens=named)[1].tokens.max_len == 64


def test_texts_that_are_cut_are_counted(tmp_path, capsys):
    """In training, and when the model is measured; the label of the long ones stands where nobody reads."""
    data = tmp_path / "t.csv"
    data.write_text("text,label\n" + "".join(f"{'x' * (i + 1)}{'ab'[i % 2]},{'ab'[i % 2]}\n" for i in range(40)))
    call = {"overrides": {**TINY, "tokens.max_len": 23, "tokens.tokenizer": "characters"}, "report": False}
    result = smalti.train(data, steps=1, out=tmp_path / "run", **call)
    told = "cut: 20 of 40 texts  (longer than the 23 tokens that are read; --set tokens.max_len=N"
    assert told in capsys.readouterr().err
    assert "20 of 40 texts" in (result.run / "run.toml").read_text()
    smalti.evaluate(result.model, data, split="all")
    assert told in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("preset", "task", "batch"),
    [("gpt2", "next-token", 1), ("bert_base", "masked-token", 4), ("bert_base", "classify", 32)],
)
def test_a_published_model_gets_batches_that_fit_a_laptop(text_runs, preset, task, batch):
    """Of GPT-2 16 windows of 1,024 tokens would be 3 GiB of logits, and as much for each of their gradients."""
    _, config = preset_config(preset)
    begun = SimpleNamespace(provenance={"preset": preset}, module=SimpleNamespace(config=config))
    tokenizer = SimpleNamespace(kind="bpe", unit="piece", vocab_size=config.vocab_size)
    about = {"sizes": {"train": 10**6}, "reason": "", "unit": "pieces", "needed": 0, "tokenizer": tokenizer}
    system = SimpleNamespace(task=task, **about)
    recipe, _ = choose_text(system, Budget(steps=1), {}, torch.device("cpu"), begun)
    assert (recipe.loop.batch_size, recipe.tokens.max_len) == (batch, config.max_len)


def test_a_published_model_is_judged_a_window_at_a_time(tmp_path):
    system = open_system(text_file(tmp_path), "next-token", TokensConfig())
    model = SimpleNamespace(config=preset_config("gpt2")[1])
    assert system.pieces(model, np.arange(9000)).batch_size == 1


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
        time.sleep(0.05)
        return ["a b c d"] * len(source)

    monkeypatch.setattr("smalti.recipes.text.pairs.write_targets", write)
    monkeypatch.setattr("smalti.recipes.text.divided.REHEARSED", 3)
    assert judging_seconds(system, model) > 0.05 * system.sizes["test"] / 3


@pytest.mark.parametrize("model", ["gpt_char_mini", "lstm_char"])
def test_a_long_text_is_rehearsed_on_a_few_windows(tmp_path, monkeypatch, model):
    """All of val would take minutes for a text of tens of MB. What is found out is that of the whole test."""
    monkeypatch.setattr("smalti.recipes.text.language.ROWS", 2)
    system = open_system(text_file(tmp_path), "next-token", TokensConfig())
    judged = []

    def measure(self, model, split):
        judged.append(self.sizes[split])
        time.sleep(0.01)

    monkeypatch.setattr("smalti.recipes.text.language.Language.measure", measure)
    width = 16 if model == "gpt_char_mini" else 128
    system = replace(system, ids={**system.ids, "val": system.ids["train"]})
    module = TextRecipe(ModelConfig(model), TokensConfig(max_len=16), Budget(steps=1)).build(**system.found)
    seconds = judging_seconds(system, module)
    assert set(judged) == {2 * width + 1}
    assert 0.01 <= seconds * judged[0] / system.sizes["test"] < 0.1


def test_pieces_from_all_over_a_long_text_choose_the_model():
    ids = np.arange(1_000_003)
    some = some_of(ids)
    assert len(some) == 100_000
    assert some[0] == 0
    assert some[-1] == 1_000_003 - 20_000 + 1_999
    assert np.bincount(some // 20_001).max() <= 2_001
    assert some_of(ids[:100_000]) is not some
    assert len(some_of(ids[:100_000])) == 100_000


def test_the_loop_judges_some_of_a_long_text_and_the_test_all(tmp_path, monkeypatch):
    monkeypatch.setattr("smalti.recipes.text.language.CHOOSING", 50)
    system = open_system(text_file(tmp_path), "next-token", TokensConfig())
    recipe = TextRecipe(ModelConfig("gpt_char_mini", SMALL), TokensConfig(max_len=16), Budget(steps=1))
    model = recipe.build(**system.found)
    assert sum(int((b["target"] >= 0).sum()) for b in system.evaluator(recipe, model).batches) == 49
    assert system.measure(model, "test").n == system.sizes["test"] - 1


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
    assert read_any_model(result.model).processor.kind == "bytes"


def test_bytes_of_a_program_are_a_text_and_those_of_pictures_are_none(tmp_path):
    program = tmp_path / "program.bin"
    program.write_bytes(bytes(range(256)) * 20)
    call = {"steps": 1, "report": False, "show": False, "overrides": {**TINY, "tokens.tokenizer": "bytes"}}
    result = smalti.train(program, out=tmp_path / "run", **call)
    assert result.task == "next-token"
    assert read_any_model(result.model).processor.kind == "bytes"
    assert smalti.resume(result.run, show=False).metrics == result.metrics
    photos = tmp_path / "photos"
    (photos / "cat").mkdir(parents=True)
    (photos / "cat" / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match="--bytes is for text"):
        smalti.train(photos, out=tmp_path / "no", **call)
    with pytest.raises(InputError, match=r"none\.bin"):
        smalti.train(tmp_path / "none.bin", out=tmp_path / "no", **call)
    assert not (tmp_path / "no").exists()


def test_the_settings_of_a_run_on_bytes_are_for_any_file(tmp_path):
    program = tmp_path / "program.bin"
    program.write_bytes(bytes(range(256)) * 20)
    settings = tmp_path / "run.toml"
    settings.write_text('[tokens]\ntokenizer = "bytes"\n')
    call = {"config": settings, "steps": 1, "report": False, "show": False}
    assert smalti.train(program, out=tmp_path / "run", overrides=TINY, **call).task == "next-token"
    assert not reads_bytes({"tokens": {"tokenizer": "bytes"}}, {"tokens.tokenizer": "characters"})
    settings.write_text("tokens = 3\n")
    with pytest.raises(InputError, match="tokens"):
        smalti.train(text_file(tmp_path), out=tmp_path / "no", **call)


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


def test_a_folder_of_classes_in_another_encoding_is_read_as_bytes(tmp_path):
    for label, word in (("a", "für"), ("b", "grün")):
        (tmp_path / "texts" / label).mkdir(parents=True)
        for i in range(12):
            (tmp_path / "texts" / label / f"{i}.txt").write_bytes(f"{word} {i} ".encode("latin-1") * 3)
    call = {"task": "classify", "steps": 1, "show": False}
    with pytest.raises(InputError, match=r"not UTF-8 text .*or train with --bytes"):
        smalti.train(tmp_path / "texts", out=tmp_path / "no", **call)
    raw = {**TINY, "tokens.tokenizer": "bytes"}
    result = smalti.train(tmp_path / "texts", out=tmp_path / "run", overrides=raw, **call)
    assert smalti.evaluate(result.model, tmp_path / "texts", split="all", show=False).n == 24
    assert smalti.resume(result.run, show=False).metrics == result.metrics


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


def test_a_table_of_texts_with_other_columns_says_what_they_are_to_be_called(tmp_path):
    (tmp_path / "imdb.csv").write_text("review,sentiment\ngood,pos\n")
    with pytest.raises(InputError, match="of texts text,label or source,target"):
        smalti.check(tmp_path / "imdb.csv")


def test_a_run_begins_with_what_another_has_learned(text_runs, tmp_path):
    """Going on is better than starting over; the tokenizer is that of the start, and the start may then go."""
    data, first = text_runs["next-token"]
    start = tmp_path / "start.safetensors"
    start.write_bytes(first.model.read_bytes())
    call = {"start": start, "steps": 6, "report": False, "show": False}
    tuned = smalti.train(data, out=tmp_path / "tuned", **call)
    fresh = smalti.train(data, steps=6, out=tmp_path / "fresh", overrides=TINY, report=False, show=False)
    assert tuned.metrics["loss"].value < fresh.metrics["loss"].value
    assert read_any_model(tuned.model).processor == read_any_model(first.model).processor
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
    assert read_any_model(smalti.resume(tmp_path / "cut", show=False).model).processor.kind == "bytes"
    with pytest.raises(InputError, match=r'tokens.tokenizer = "bpe", and the model it begins with has bytes'):
        smalti.train(
            data, start=first.model, steps=1, out=tmp_path / "no", overrides={"tokens.tokenizer": "bpe"}, **call
        )


def test_the_length_is_that_of_the_positions_the_start_has_learned(text_runs, tmp_path):
    data, first = text_runs["next-token"]
    call = {"start": first.model, "steps": 1, "report": False, "show": False}
    with pytest.raises(InputError, match=r"tokens.max_len = 129, and the model it begins with sees 128 tokens"):
        smalti.train(data, out=tmp_path / "no", overrides={"tokens.max_len": 129}, **call)
    assert not (tmp_path / "no").exists()
    assert smalti.train(data, out=tmp_path / "same", overrides={"tokens.max_len": 128}, **call).metrics
    fewer = {"tokens.max_len": 64, "optim.lr": 1e-9}  # for a machine that is too small for all of them
    made, start = (
        read_any_model(result.model).module
        for result in (smalti.train(data, out=tmp_path / "fewer", overrides=fewer, **call), first)
    )
    assert made.config.max_len == 64
    assert torch.allclose(made.positions.table, start.positions.table[:64], atol=1e-6)
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
    assert made.processor == start.processor.with_specials("start", "end") != start.processor
    learned, known = (file.module.token_embed.weight for file in (made, start))
    assert len(learned) == len(known) + 2
    assert (learned[: len(known)] - known).abs().max() < 0.1


@pytest.mark.parametrize("task", ["classify", "seq2seq"])
def test_no_run_on_text_is_judged_on_what_its_start_has_learned(task, text_runs, tmp_path):
    data, first = text_runs[task]
    with pytest.raises(InputError, match="add --seed 0"):
        smalti.train(data, start=first.model, seed=1, steps=1, out=tmp_path / "run", show=False)


def test_another_model_cannot_be_begun_with(text_runs, tmp_path):
    data, first = text_runs["next-token"]
    with pytest.raises(InputError, match='--model: the model it begins with is "gpt_char_mini"; leave out'):
        smalti.train(data, start=first.model, model="lstm_char", steps=1, out=tmp_path / "run", show=False)
    assert not (tmp_path / "run").exists()


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


def test_labelled_texts_of_one_class_are_refused_before_anything_is_written(tmp_path):
    table = tmp_path / "one.csv"
    table.write_text("text,label\nhi,a\nho,a\n")
    for refused in (smalti.check, lambda data: smalti.train(data, steps=2, out=tmp_path / "run", show=False)):
        with pytest.raises(InputError, match="only one class to learn, 'a'"):
            refused(table)
    assert not (tmp_path / "run").exists()

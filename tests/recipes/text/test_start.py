"""A run on text that begins with what another has learned."""

from dataclasses import replace

import pytest
import torch
from tests.text_runs import LINES, TINY, stopping_at, text_file

import smalti
from smalti.data.preprocess import Preprocess
from smalti.errors import InputError, Interrupted
from smalti.modelfile import ModelFile, read_any_model, write_model


def test_a_character_that_the_start_has_no_id_for_is_told_before_the_run(text_runs, tmp_path):
    rows = [f"{i},{i},{'train' if i % 3 else 'val' if i % 2 else 'test'}" for i in range(30)]
    (tmp_path / "pairs.csv").write_text("\n".join(["source,target,split", *rows, "x,1,test"]))
    with pytest.raises(InputError, match="line 32: character 'x'"):
        smalti.train(tmp_path / "pairs.csv", start=text_runs["seq2seq"][1].model, steps=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


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


def test_the_seed_of_a_run_on_text_is_that_of_its_start(text_runs, tmp_path):
    data, first = text_runs["classify"]
    file = read_any_model(first.model)
    write_model(tmp_path / "m.safetensors", replace(file, provenance={**file.provenance, "seed": 3}))
    call = {"start": tmp_path / "m.safetensors", "steps": 1, "report": False, "show": False}
    result = smalti.train(data, out=tmp_path / "run", **call)
    assert read_any_model(result.model).provenance["seed"] == 3


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

"""Ready models of text: answers, samples, refusals."""

from pathlib import Path

import numpy as np
import pytest
import torch

import smalti
from smalti.errors import InputError
from smalti.modelfile import read_model
from smalti.ready_text import TextModel
from smalti.tokenizers import Characters
from tests.text_runs import SMALL


@pytest.fixture(scope="module")
def models(text_runs) -> dict[str, TextModel]:
    return {task: smalti.load(result.model, device="cpu") for task, (_, result) in text_runs.items()}


def test_a_class_with_its_probability(models):
    first, second = models["classify"].predict(["aaaa", "bbbbbb"])
    assert (first.answer, second.answer) == (first.label, second.label) == ("A", "B")
    assert first.top[0] == ("A", first.probability)
    assert sum(share for _, share in first.top) == pytest.approx(1, abs=1e-5)


def test_answers_do_not_depend_on_the_batch(models):
    texts = ["aa", "bbbbbbbbb", "abab", "b"]
    together = models["classify"].predict(texts)
    alone = [models["classify"].predict(text)[0] for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_masks_are_filled_in(models):
    (told,) = models["masked-token"].predict("the [MASK]at s[MASK]t", top=3)
    assert len(told.answer) == len("the cat sat")
    assert told.answer.startswith("the ")
    assert told.answer[5:9] == "at s"
    assert len(told.top) == 3
    (none,) = models["masked-token"].predict("the cat sat")
    assert "[MASK]" in none.error.what


def test_what_comes_next(models):
    (told,) = models["next-token"].predict("the ca", top=2)
    logits = models["next-token"].module(torch.from_numpy(models["next-token"].tokenizer.encode("the ca"))[None])
    assert told.probability == pytest.approx(logits[0, -1].softmax(-1).max().item(), abs=1e-6)
    assert told.answer == told.top[0][0]
    assert len(models["next-token"].predict("the cat " * 100)[0].answer) == 1  # of a long text its end is read


def test_a_target_is_what_greedy_decoding_writes(models):
    model = models["seq2seq"]
    (told,) = model.predict("123")
    start, end = model.tokenizer.special("start"), model.tokenizer.special("end")
    source, said = torch.from_numpy(model.tokenizer.encode("123"))[None], [start]
    while said[-1] != end and len(said) < 60:
        said.append(int(model.module(source, torch.tensor([said]))[0, -1].argmax()))
    assert told.answer == model.tokenizer.decode(said)
    assert told.to_dict() == {"text": "123", "answer": told.answer}


def test_beams_are_searched_on_request_only(models, text_runs):
    """Both ways give whole targets, judged as what they are; others than models of pairs have no use for beams."""
    model, data = models["seq2seq"], text_runs["seq2seq"][0]
    texts = ["123", "77", "240"]
    searched = [one.answer for one in model.predict(texts, beams=4)]
    assert searched == [model.predict(text, beams=4)[0].answer for text in texts]
    greedy, found = (smalti.evaluate(model, data, beams=beams, show=False).metrics for beams in (1, 4))
    rows = [line.split(",") for line in data.read_text().split()[1:]]
    said = dict(zip([row[0] for row in rows], model.predict([row[0] for row in rows], beams=4), strict=True))
    assert found["token_accuracy"] == greedy["token_accuracy"]
    assert found["sequence_accuracy"].n == greedy["sequence_accuracy"].n
    whole = smalti.evaluate(model, data, split="train", beams=4, show=False).metrics["sequence_accuracy"]
    both = whole.value * whole.n + found["sequence_accuracy"].value * found["sequence_accuracy"].n
    val = smalti.evaluate(model, data, split="val", beams=4, show=False).metrics["sequence_accuracy"]
    assert both + val.value * val.n == pytest.approx(sum(said[source].answer == target for source, target in rows))
    for task in ("classify", "next-token"):
        with pytest.raises(InputError, match="models of pairs"):
            models[task].predict("a", beams=2)


def test_a_text_that_cannot_be_written_does_not_stop_the_others(models):
    told = models["seq2seq"].predict(["12", "zz", "", "34"])
    assert [bool(one.error) for one in told] == [False, True, True, False]
    assert "'z'" in told[1].to_dict()["error"]["cause"]


def test_samples_are_a_function_of_the_seed(models):
    model = models["next-token"]
    once, again = (model.sample("the", n=2, max_tokens=30, seed=3) for _ in range(2))
    assert once == again
    assert once[0] != once[1]
    assert all(len(text) == 30 for text in once)
    assert model.sample("the", max_tokens=30, seed=3)[0] == once[0]  # whatever else is in the batch
    assert model.sample("the", max_tokens=30, seed=4)[0] != once[0]


def test_a_sample_ends_before_the_text_it_is_told(models):
    (text,) = models["next-token"].sample("the", max_tokens=200, stop=[" "])
    assert " " not in text


def test_a_text_begins_with_what_has_an_id(models):
    """A line break where there is one; else the first character, as of text8 or DNA."""
    model = models["next-token"]
    assert model.opening == "\n"
    assert model.sample(max_tokens=9) == model.sample("\n", max_tokens=9)
    letters = "ACGT" + model.tokenizer.alphabet.replace("\n", "")
    letters = Characters("".join(dict.fromkeys(letters))[: model.tokenizer.size])
    without = TextModel(model.module, model.task, (), letters)
    assert without.opening == "A"
    assert without.sample(max_tokens=9) == without.sample("A", max_tokens=9)


def test_answers_carry_no_gradient(models):
    """Else a graph is built, and kept until the answer is."""
    for task, text in {"classify": "aa", "masked-token": "the [MASK]at", "next-token": "the", "seq2seq": "12"}.items():
        made, model = [], models[task]
        layers = [module for module in model.module.modules() if not list(module.children())]
        hooks = [layer.register_forward_hook(lambda *call, made=made: made.append(call[-1])) for layer in layers]
        assert not model.predict(text)[0].error
        assert made
        assert not any(isinstance(one, torch.Tensor) and one.requires_grad for one in made), task
        for hook in hooks:
            hook.remove()


def test_an_answer_says_that_its_text_was_cut(models):
    model = models["classify"]
    short, long = model.predict(["ab", "ab" * 400])
    assert not short.remark
    assert "remark" not in short.to_dict()
    n = len(model.tokenizer.encode("ab" * 400)) + 2
    assert long.to_dict()["remark"] == f"only the first {model.longest} of {n} tokens are read"


def test_a_file_that_cannot_be_read_does_not_stop_the_others(models, text_runs, tmp_path):
    result = text_runs["classify"][1]
    (tmp_path / "latin.txt").write_bytes(b"\xff\n")
    inputs = ["aa", tmp_path / "latin.txt", "report.txr", "bbb"]
    told = list(smalti.predict(result.model, inputs, batch_size=2))
    assert [one.text for one in told] == ["aa", str(tmp_path / "latin.txt"), "report.txr", "bbb"]
    assert [bool(one.error) for one in told] == [False, True, True, False]
    assert told[2].to_dict()["error"] == {
        "cause": "cannot be read (no such file)",
        "mend": "check its name, or add --texts if it is a text",
    }
    assert "--bytes" in told[1].error.mend


def test_with_texts_no_input_is_a_file(models, text_runs):
    data, result = text_runs["masked-token"]
    (file,) = smalti.predict(result.model, "[MASK].txt")
    assert "no such file" in file.error.cause
    (text,) = smalti.predict(result.model, "[MASK]at.", texts=True)
    assert len(text.answer) == 4
    (text,) = smalti.predict(text_runs["next-token"][1].model, "the.cat", texts=True)
    assert not text.error
    (text,) = smalti.predict(text_runs["next-token"][1].model, str(data), texts=True)
    assert "not in the alphabet" in text.error.cause


def test_a_model_of_bytes_is_asked_about_any_file(tmp_path):
    (tmp_path / "any.bin").write_bytes(bytes(range(256)) * 20)
    options = {f"model.options.{name}": value for name, value in SMALL.items()}
    run = {"overrides": options | {"tokens.tokenizer": "bytes"}, "steps": 1, "report": False, "show": False}
    result = smalti.train(tmp_path / "any.bin", out=tmp_path / "run", **run)
    told = list(smalti.predict(result.model, tmp_path / "any.bin"))
    assert len(told) == 21
    assert not any(one.error for one in told)


def test_what_is_no_text_is_told(models):
    (number, text) = models["classify"].predict([float("nan"), "aa"])
    assert number.to_dict() == {
        "text": "nan",
        "error": {"cause": "a float where a text is expected", "mend": "give a str"},
    }
    assert text.answer == "A"
    with pytest.raises(InputError, match=r"a \w+Path where a text is expected"):
        models["classify"].embed([Path("a")])


def test_files_of_texts_are_read(models, text_runs):
    data, result = text_runs["classify"]
    for path in (str(data), Path(data)):
        (first, *rest) = smalti.predict(result.model, path)
        assert (first.text, len(rest)) == ("aa", 119)


def test_a_model_of_pairs_has_no_features(models):
    with pytest.raises(InputError, match="a model of pairs has no features of a text alone"):
        models["seq2seq"].embed("123")


def test_features_of_texts(models):
    features = models["next-token"].embed(["the cat", "a dog ran"])
    assert features.shape == (2, 16)
    assert torch.allclose(features[1:], models["next-token"].embed("a dog ran"), atol=1e-5)


def test_many_texts_come_from_anywhere_and_are_taken_in_turn(models):
    model, texts = models["next-token"], ["the cat", "a dog ran"] * 40
    assert model.predict(text for text in texts[:3]) == model.predict(texts[:3])
    assert [one.text for one in model.stream("the cat")] == ["the cat"]
    assert torch.allclose(model.embed(iter(texts)), model.embed(texts[:2]).repeat(40, 1), atol=1e-5)
    with pytest.raises(InputError, match="there are no texts to embed"):
        model.embed([])


@pytest.mark.parametrize(
    ("options", "words"),
    [({"max_tokens": 0}, "max_tokens"), ({"temperature": -1.0}, "temperature"), ({"top_p": 2.0}, "top_p")],
)
def test_numbers_out_of_range(models, options, words):
    with pytest.raises(InputError, match=words):
        models["next-token"].sample("the", **options)


def test_only_models_of_text_that_continues_write(models):
    with pytest.raises(InputError, match="classify"):
        models["classify"].sample("a")


def test_models_of_text_and_of_pictures_are_told_apart(text_runs, tmp_path):
    text = text_runs["next-token"][1].model
    with pytest.raises(InputError, match="model of text"):
        read_model(text)
    with pytest.raises(InputError, match="pictures"):
        smalti.load(text, merge=2)
    with pytest.raises(InputError, match="pictures"):
        smalti.evaluate(text, "digits", merge=2, show=False)
    picture = smalti.train("digits", steps=1, out=tmp_path / "digits", report=False, show=False).model
    with pytest.raises(InputError, match="model of pictures"):
        list(smalti.sample(picture, "a"))
    with pytest.raises(InputError, match="model of pictures"):
        list(smalti.sample(smalti.load(picture), "a"))
    for model in (text, smalti.load(text)):
        with pytest.raises(InputError, match="model of text"):
            smalti.probe(model, "digits", show=False)
    with pytest.raises(InputError, match=r"loaded already, as it answers; give int8 to smalti\.load"):
        smalti.predict(smalti.load(text), "a", int8="photos")
    with pytest.raises(InputError, match="beams are for models of pairs"):
        smalti.predict(picture, "x.png", beams=2)
    with pytest.raises(InputError, match="--texts is for models of text"):
        smalti.predict(picture, "x.png", texts=True)


def test_an_id_is_an_integer(models):
    assert models["next-token"].tokenizer.encode("cat").dtype == np.int64

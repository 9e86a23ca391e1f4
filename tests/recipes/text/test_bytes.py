"""Bytes stand for any text, whatever its encoding."""

import pytest
from tests.text_runs import TINY, text_file

import smalti
from smalti.errors import InputError
from smalti.modelfile import read_any_model
from smalti.recipes.asked import reads_bytes


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

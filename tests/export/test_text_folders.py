"""GPT-2 and BERT: folders of transformers become model files, and go back, with the same logits and the same ids."""

import json

import pytest
import torch

import smalti
from smalti.cli import run
from smalti.data.text import Sentences, open_sentences
from smalti.errors import InputError
from smalti.export import export
from smalti.modelfile import ModelFile, read_any_model, write_model
from smalti.models import preset_config
from smalti.tokenizers import BPE, Bytes, WordPiece
from smalti.tokenizers.published import OURS, published_files

transformers = pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

SIZES = {"max_len": 16, "embed_dim": 24, "depth": 2, "num_heads": 4}
TEXT = "the cat sat on the mat, the cats sat on the mats. " * 4
PIECES = WordPiece(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "sat", "on", "mat", ",", "."))
LEARNED = BPE.learn([TEXT], 270)
PAIRS = BPE(tuple((p, q) for p, q in LEARNED.merges), ("end",))
CASES = {  # preset, options, tokenizer, task, labels
    "gpt2": ("gpt_char_mini", {"mlp": "gelu_tanh"}, PAIRS, "next-token", ()),
    "gpt on bytes": ("gpt_char_mini", {}, Bytes(), "next-token", ()),
    "bert": ("bert_mini", {"wiring": "post"}, PIECES, "masked-token", ()),
    "bert, classes": ("bert_mini", {"wiring": "post", "num_classes": 2}, PIECES, "classify", ("good", "bad")),
}


def write(path, case):
    preset, options, tokenizer, task, labels = CASES[case]
    options = {**SIZES, **options, "vocab_size": tokenizer.vocab_size}
    torch.manual_seed(0)
    module = smalti.create_model(preset, **options).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    write_model(path, ModelFile(preset_config(preset)[0], module, task, labels, tokenizer))
    return path


@pytest.mark.parametrize("case", CASES)
def test_there_and_back(case, tmp_path):
    path = write(tmp_path / "m.safetensors", case)
    made = export(path, tmp_path / "out", format="hf")
    assert made.difference is not None
    assert made.difference < 1e-5
    assert any("no tokenizer of bytes" in remark for remark in made.remarks) == (case == "gpt on bytes")
    back = smalti.import_weights(tmp_path / "out", tmp_path / "back.safetensors")
    first, again = read_any_model(path), read_any_model(back.path)
    assert (again.task, again.labels, again.processor) == (first.task, first.labels, first.processor)
    state = first.module.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in again.module.state_dict().items())
    tokens = torch.randint(first.processor.vocab_size, (2, 9))
    with torch.no_grad():
        assert torch.equal(first.module(tokens), again.module(tokens))


@pytest.mark.parametrize("case", ["gpt2", "bert"])
@pytest.mark.parametrize("kept", ["their files", "tokenizer.json"])
def test_ids_are_theirs_and_theirs_are_ours(case, kept, tmp_path):
    export(write(tmp_path / "m.safetensors", case), tmp_path / "out", format="hf")
    (tmp_path / "out" / OURS).unlink()
    cls = transformers.GPT2Tokenizer if case == "gpt2" else transformers.BertTokenizer
    theirs = cls.from_pretrained(tmp_path / "out")
    if kept == "tokenizer.json":
        theirs.save_pretrained(tmp_path / "out")
        assert (tmp_path / "out" / "tokenizer.json").is_file()
    made = smalti.import_weights(tmp_path / "out", tmp_path / "back.safetensors")
    ours = made.model.processor
    assert ours.vocab_size == CASES[case][2].vocab_size
    for text in ("the cats sat.", "on the mat,the", "dogs sat"):
        assert ours.encode(text).tolist() == theirs.encode(text, add_special_tokens=False)


def test_a_class_is_read_of_the_same_ids_as_theirs(tmp_path):
    """In training, in evaluation and in answers: [CLS] text [SEP], cut in the text."""
    export(write(tmp_path / "m.safetensors", "bert, classes"), tmp_path / "out", format="hf")
    theirs = transformers.BertTokenizer.from_pretrained(tmp_path / "out")
    network = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    model = smalti.load(smalti.import_weights(tmp_path / "out", tmp_path / "back.safetensors").path)
    texts = ["the cats sat.", "on the mat, " * 9, "mats"]
    told = theirs(texts, padding=True, truncation=True, max_length=16, return_tensors="pt")
    wanted = [ids[real > 0].tolist() for ids, real in zip(told["input_ids"], told["attention_mask"], strict=True)]
    assert [model.encode(text).tolist() for text in texts] == wanted
    table = tmp_path / "t.csv"
    table.write_text("text,label\n" + "".join(f'"{text}",good\n' for text in texts) + "the,bad\n")
    rows = Sentences(open_sentences(table), [0, 1, 2], model.tokenizer, batch_size=1, max_len=16)
    assert {int(batch["id"]): batch["tokens"][0].tolist() for batch in rows} == dict(enumerate(wanted))
    assert rows.cut == 1
    with torch.no_grad():
        shares = network(**told).logits.softmax(-1)
    for said, row in zip(model.predict(texts), shares, strict=True):
        assert dict(said.top) == pytest.approx(dict(zip(("good", "bad"), row.tolist(), strict=True)), abs=1e-5)


@pytest.mark.parametrize("case", ["gpt2", "bert"])
def test_training_begins_with_an_imported_model(case, tmp_path):
    """GPT-2 goes on with texts, BERT learns classes."""
    export(write(tmp_path / "m.safetensors", case), tmp_path / "out", format="hf")
    start = smalti.import_weights(tmp_path / "out", tmp_path / "start.safetensors").model
    rows = "".join(f'"{"the cat sat" if i % 2 else "on the mat"}",{"AB"[i % 2]}\n' for i in range(40))
    files = {"gpt2": ("book.txt", TEXT * 4), "bert": ("reviews.csv", "text,label\n" + rows)}
    name, content = files[case]
    (tmp_path / name).write_text(content)
    made = smalti.train(
        tmp_path / name, start=tmp_path / "start.safetensors", steps=1, out=tmp_path / "run", report=False, show=False
    )
    file = read_any_model(made.model)
    known, learned = start.module.blocks, file.module.blocks
    assert file.provenance["preset"] == start.provenance["preset"] == {"gpt2": "gpt2", "bert": "bert_base"}[case]
    assert (known[0].mlp.fc1.weight - learned[0].mlp.fc1.weight).abs().max() < 0.1
    assert file.module.config.mlp == start.module.config.mlp


def test_spare_ids_are_left_out_and_missing_ones_refused(tmp_path):
    folder = tmp_path / "wide"
    config = transformers.GPT2Config(vocab_size=300, n_positions=16, n_embd=24, n_layer=1, n_head=2,
                                     bos_token_id=0, eos_token_id=0)  # fmt: skip
    model = transformers.GPT2LMHeadModel(config).eval()
    model.save_pretrained(folder)
    (folder / OURS).write_text(published_files(PAIRS)[OURS])
    made = smalti.import_weights(folder, tmp_path / "m.safetensors")
    assert made.remarks[-1] == f"{300 - PAIRS.vocab_size} ids beyond the tokenizer's are left out"
    tokens = torch.randint(PAIRS.vocab_size, (2, 9))
    with torch.no_grad():
        wanted = model(tokens).logits[..., : PAIRS.vocab_size]
        torch.testing.assert_close(made.model.module(tokens), wanted, rtol=1e-5, atol=1e-6)
    many = {**PAIRS.to_dict(), "merges": [[i, i + 1] for i in range(100)]}
    (folder / OURS).write_text(json.dumps(many))
    with pytest.raises(InputError, match="has 357 ids, its weights 300"):
        smalti.import_weights(folder, tmp_path / "m.safetensors")
    (folder / OURS).unlink()
    with pytest.raises(InputError, match="has no tokenizer"):
        smalti.import_weights(folder, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="img_size is for models of pictures"):
        smalti.import_weights(folder, tmp_path / "m.safetensors", img_size=32)


def test_the_commands_do_it(tmp_path, capsys):
    path = write(tmp_path / "m.safetensors", "bert")
    assert run(["export", str(path), "--format", "hf", "--out", str(tmp_path / "out")]) == 0
    assert "transformers gives the same answers" in capsys.readouterr().out
    assert run(["import-weights", str(tmp_path / "out"), "--out", str(tmp_path / "b.safetensors"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outputs"] == 0
    assert told["tokenizer"] == "wordpiece"
    assert run(["predict", str(tmp_path / "b.safetensors"), "the [MASK] sat", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"].startswith("the ")


def test_timm_has_no_models_of_text(tmp_path):
    with pytest.raises(InputError, match="no way to timm for models of the family gpt"):
        export(write(tmp_path / "m.safetensors", "gpt2"), tmp_path / "out", format="timm")


@pytest.mark.parametrize("case", ["gpt2", "bert"])
def test_a_name_of_the_hub_brings_its_tokenizer_along(case, hub, tmp_path):
    path = write(tmp_path / "m.safetensors", case)
    export(path, tmp_path / "out", format="hf")
    hub.repositories["x/text"] = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    made = smalti.import_weights("x/text", tmp_path / "back.safetensors", download=True)
    assert made.model.processor == read_any_model(path).processor
    assert made.model.provenance["weights"]["source"].startswith("x/text@")

"""Folders of GPT-2 and BERT as models of text, beside what `tests/export` has of them."""

import pytest
import torch
from safetensors.torch import load_file, save_file

import smalti
from smalti.errors import InputError
from smalti.importing import published_model

transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "dog", "ran"]


def headless(folder, *, pooler: bool = True):
    """A BertModel with its vocabulary, as models of sentences are published."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 48}
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **sizes)
    model = transformers.BertModel(config, add_pooling_layer=pooler).eval()
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return model


@pytest.mark.parametrize("pooler", [True, False])
def test_a_bert_without_a_head_gets_a_fresh_one(pooler, tmp_path):
    theirs = headless(tmp_path, pooler=pooler)
    made = published_model(tmp_path)
    assert made.model.task == "masked-token"
    assert "it has no head: the one that guesses hidden tokens begins anew here" in " ".join(made.remarks)
    ids = torch.randint(len(WORDS), (2, 7))
    with torch.no_grad():
        expected = theirs(ids).last_hidden_state
        torch.testing.assert_close(made.model.module.forward_features(ids), expected, rtol=1e-4, atol=1e-5)
    again = published_model(tmp_path).model.module.state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in made.model.module.state_dict().items())


def test_training_begins_with_a_bert_without_a_head(tmp_path):
    headless(tmp_path / "theirs")
    start = smalti.import_weights(tmp_path / "theirs", tmp_path / "m.safetensors")
    data = tmp_path / "texts.csv"
    data.write_text("text,label\n" + "".join(f"the {'cat' if i % 2 else 'dog'} ran,{'AB'[i % 2]}\n" for i in range(40)))
    result = smalti.train(data, start=start.path, steps=2, out=tmp_path / "run", report=False, show=False)
    assert result.task == "classify"


def test_a_head_for_spans_is_refused(tmp_path):
    headless(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    save_file({**state, "qa_outputs.weight": torch.zeros(2, 24)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"a head that smalti has not \(qa_outputs.weight\)"):
        published_model(tmp_path)

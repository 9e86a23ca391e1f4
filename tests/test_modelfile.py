"""The model file: what is read is what was written, in any process, for timm too; and every damage is named."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

import smalti
from smalti.data import Preprocess
from smalti.data.views import Views
from smalti.errors import DamagedError, InputError
from smalti.modelfile import ModelFile, canonical, checksum, read_model, write_model
from smalti.models import create_model

RULE = Preprocess((8, 8), 3, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), fit="pad", interpolation="bilinear", white=4095.0)
LABELS = ("cat", "dog", 'q"u\\o\nte', "größer")
MODELS = {  # the tables of rope and of fixed positions are not among the stored tensors
    "vit": ("vit_nano_patch2_8", {}),
    "cct": ("cct_nano_patch2_8", {}),
    "rotary": ("vit_nano_patch2_8", {"rope": "tokens", "pos_embed": "none"}),
    "sine-cosine": ("vit_nano_patch2_8", {"pos_embed": "sincos", "pool": "mean"}),
    "rectangle": ("vit_nano_patch2_8", {"img_size": (8, 16), "layer_scale": 0.1, "pre_logits": 12}),
    "cnn": ("cnn_small_8", {"hidden_dim": 16}),
    "mlp": ("mlp_small_8", {"widths": (16, 12), "act": "tanh"}),
    "resnet": ("resnet18_32", {"img_size": (8, 16)}),
    "convnext": ("convnext_tiny_224", {"img_size": 32}),
}
OTHERS = ("cnn", "mlp", "resnet", "convnext")  # families of their own


def module(name: str, **options: Any) -> torch.nn.Module:
    """A small network whose head is not zero."""
    torch.manual_seed(3)
    preset, chosen = MODELS[name]
    small = {} if name in OTHERS else {"depth": 2, "embed_dim": 32, "num_heads": 2}
    made = create_model(preset, num_classes=len(LABELS), **small, **chosen, **options)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.eval()


def written(path: Path, name: str = "vit", **fields: Any) -> ModelFile:
    made = module(name)
    rule = Preprocess(made.config.size, 3, RULE.mean, RULE.std)  # type: ignore[attr-defined]
    family = name if name in OTHERS else "vit"
    given = {"family": family, "module": made, "task": "classify", "labels": LABELS, "processor": rule}
    file = ModelFile(**(given | fields))
    write_model(path, file)
    return file


def test_the_command_that_finishes_a_run_can_be_copied(tmp_path: Path):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "run.toml").touch()
    with pytest.raises(InputError) as refused:
        read_model(tmp_path / "a b")
    assert refused.value.mend == f"smalti train --resume '{tmp_path / 'a b'}' finishes it"


@pytest.mark.parametrize("name", MODELS)
def test_what_is_read_is_what_was_written(tmp_path: Path, name: str):
    path = tmp_path / "m.safetensors"
    file = written(
        path, name, views=Views(True, 2), provenance={"seed": 3, "metrics": {"x": float("nan")}, "s": "\ud800"}
    )
    read = read_model(path)
    images = torch.randn(3, 3, *file.module.config.size)  # type: ignore[attr-defined]
    with torch.no_grad():
        assert torch.equal(read.module(images), file.module(images))
    assert not read.module.training
    assert (read.family, read.task, read.labels, read.views) == (file.family, "classify", LABELS, Views(True, 2))
    assert read.processor == file.processor
    assert read.provenance["seed"] == 3


def test_the_whole_preprocess_is_kept(tmp_path: Path):
    written(tmp_path / "m.safetensors", processor=RULE)
    assert read_model(tmp_path / "m.safetensors").processor == RULE


def test_a_run_folder_stands_for_its_model(tmp_path: Path):
    written(tmp_path / "model.safetensors")
    assert read_model(tmp_path).labels == LABELS


@pytest.mark.parametrize("call", ["from smalti.ready import load", "from smalti import load"])
def test_a_fresh_process_needs_no_training_code(tmp_path: Path, call: str):
    path = tmp_path / "m.safetensors"
    file = written(path)
    code = f"""
import sys, torch, smalti
{call}
model = load({str(path)!r}, device="cpu", precision="fp32")
torch.manual_seed(1)
print(model.module(torch.randn(1, 3, 8, 8)).tolist())
model.predict(torch.zeros(8, 8, 3, dtype=torch.uint8).numpy())
rooms = {{".".join(name.split(".")[:2]) for name in sys.modules}}
strangers = {{"smalti.train", "smalti.recipes", "smalti.objectives", "smalti.evaluate", "smalti.api", "smalti.cli",
    "smalti.ready_text", "smalti.sample", "sklearn.base", "matplotlib.figure", "rich.console", "cyclopts.core",
    "torchvision.ops", "jinja2.environment"}}
assert not strangers & rooms, strangers & rooms
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    torch.manual_seed(1)
    with torch.no_grad():
        expected = file.module(torch.randn(1, 3, 8, 8))
    torch.testing.assert_close(torch.tensor(json.loads(done.stdout)), expected, rtol=1e-5, atol=1e-5)


def test_timm_loads_the_weights_of_a_plain_vit_from_the_file(tmp_path: Path):
    timm = pytest.importorskip("timm.models.vision_transformer")
    file = written(tmp_path / "m.safetensors")
    theirs = timm.VisionTransformer(
        img_size=8, patch_size=2, embed_dim=32, depth=2, num_heads=2, mlp_ratio=2.0, num_classes=len(LABELS)
    ).eval()
    theirs.load_state_dict(load_file(tmp_path / "m.safetensors"), strict=True)
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(theirs(images), file.module(images), rtol=1e-6, atol=1e-5)


def forged(path: Path, edit: Callable[[dict[str, Any], dict[str, torch.Tensor]], object]) -> Path:
    """A model file changed by hand, its checksum made anew: only its meaning can give it away."""
    written(path)
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["smalti"])
    edit(about, tensors)
    about["checksum"] = checksum(tensors, canonical(about))
    path.write_bytes(save(tensors, {"format": "pt", "smalti": json.dumps(about)}))
    return path


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda about, _: about.update(family="vitt"), 'unknown model family "vitt"'),
        (lambda about, _: about["config"].update(dept=3), 'no setting "dept"; did you mean "depth"'),
        (lambda about, _: about["config"].update(depth="deep"), "depth = 'deep' is not a whole number"),
        (lambda about, _: about["config"].update(depth=3), "Unexpected key|Missing key"),
        (lambda about, _: about["config"].update(depth=10**8, embed_dim=2), "far larger than what is stored"),
        (lambda about, _: about["config"].update(embed_dim=2 * 10**6), "far larger than what is stored"),
        (lambda about, _: about["config"].update(mlp_ratio=float("inf")), "infinity"),
        (lambda about, _: about["config"].update(embed_dim=64), "size mismatch"),
        (lambda about, _: about["config"].update(num_heads=4), "self-test"),  # fits, and is another model
        (lambda about, _: about["self_test"]["logits"].pop(), "self-test"),
        (lambda about, _: about.update(self_test={}), "self_test|logits"),
        (lambda about, _: about.update(preprocess={"img_size": [8, 8]}), "in_chans"),
        (lambda about, _: about["preprocess"].update(colour=1), "colour"),
        (lambda about, _: about.update(labels=["cat"]), "1 labels for 4 outputs"),
        (lambda about, _: about.update(task="guess"), 'unknown task "guess"'),
        (lambda _, tensors: tensors.pop("head.bias"), "head.bias"),
        (lambda _, tensors: tensors.update(extra=torch.zeros(1)), "extra"),
        (lambda _, tensors: tensors["head.bias"].add_(1.0), "self-test"),
        (lambda _, tensors: tensors["head.bias"].fill_(float("nan")), "self-test"),
    ],
)
def test_a_file_that_means_something_else_is_refused(tmp_path: Path, edit: Any, says: str):
    path = forged(tmp_path / "m.safetensors", edit)
    with pytest.raises(DamagedError) as caught:
        read_model(path)
    line = str(caught.value)
    assert any(words in line for words in says.split("|")), line
    assert str(caught.value.where) in line
    assert caught.value.mend
    assert "\n" not in line


def test_an_unchanged_forgery_is_read(tmp_path: Path):
    """The negative control of the test above."""
    assert read_model(forged(tmp_path / "m.safetensors", lambda about, tensors: None)).labels == LABELS


SAYS_NOTHING = ["5", "null", "[]", "tokenizer", '{"version": 1}', '{"version": 1e999}', "[" * 100_000]


@pytest.mark.parametrize("text", SAYS_NOTHING, ids=lambda text: text[:20])
def test_metadata_that_says_nothing_is_damaged(tmp_path: Path, text: str):
    (tmp_path / "m.safetensors").write_bytes(save({"a": torch.zeros(2)}, {"format": "pt", "smalti": text}))
    with pytest.raises(DamagedError, match="its metadata"):
        smalti.load(tmp_path / "m.safetensors")


def test_writing_over_a_model_that_cannot_be_written_keeps_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "m.safetensors"
    written(path)
    before = path.read_bytes()

    def fsync(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(Exception, match="No space left"):
        written(path, provenance={"more": 1})
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_missing_model_says_what_to_name(tmp_path: Path):
    with pytest.raises(InputError, match=r"does not exist; name a model.safetensors or the folder of a finished run"):
        read_model(tmp_path / "nothing")


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(9), save({"a": torch.zeros(2)}), b"hello, world"])
def test_published_weights_are_sent_to_their_import(content: bytes, tmp_path: Path):
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(InputError, match="make one of published weights: smalti import-weights"):
        read_model(tmp_path / "weights")


def test_a_header_length_that_looks_like_a_pickle_is_none(tmp_path: Path):
    """The first bytes of a model file are a length: any bytes, also the 0x80 by which pickles begin."""
    starts = set()
    for padding in range(0, 300, 4):
        written(tmp_path / "m.safetensors", provenance={"padding": "x" * padding})
        starts.add((tmp_path / "m.safetensors").read_bytes()[0])
        assert read_model(tmp_path / "m.safetensors").labels == LABELS
    assert 0x80 in starts

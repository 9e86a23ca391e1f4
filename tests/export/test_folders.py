"""Folders for timm and transformers: they load, answer as the model does, and come back as the same model."""

import json
from dataclasses import replace

import pytest
import torch

import smalti
from smalti.cli import run
from smalti.data.preprocess import Preprocess
from smalti.data.views import Views
from smalti.errors import InputError, SmaltiError
from smalti.export import export, folders
from smalti.importing.preprocess import fit_of_timm, fit_of_transformers
from smalti.modelfile import ModelFile, read_model, write_model
from smalti.models import preset_config
from smalti.weights import read_published

pytest.importorskip("timm")
pytest.importorskip("transformers")

TINY = {"embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 3}
SWIN = {"embed_dim": 12, "depths": (2, 2), "num_heads": (2, 4), "num_classes": 3}
CASES = {  # preset, options, kinds
    "vit": ("vit_tiny_patch16_224", {**TINY, "img_size": 64}, ("timm", "hf")),
    "a grey rectangle": ("vit_tiny_patch16_224", {**TINY, "img_size": (32, 64), "in_chans": 1}, ("timm", "hf")),
    "deit3": ("deit3_small_patch16_224", {**TINY, "img_size": 64}, ("timm",)),
    "another norm": ("vit_tiny_patch16_224", {**TINY, "img_size": 64, "norm_eps": 1e-2}, ("hf",)),
    "a smaller norm": ("vit_tiny_patch16_224", {**TINY, "img_size": 64, "norm_eps": 1e-12}, ("timm",)),
    "swin, padded": ("swin_tiny_patch4_window7_224", {**SWIN, "depths": (1, 2), "img_size": 48}, ("timm",)),
    "mean": ("vit_tiny_patch16_224", {**TINY, "img_size": 64, "pool": "mean", "qk_norm": True}, ("timm",)),
    "a normed mean": ("vit_tiny_patch16_224", {**TINY, "img_size": 64, "pool": "normed_mean"}, ("timm",)),
    "registers": ("vit_small_patch14_reg4_dinov2", {**TINY, "img_size": 56}, ("timm",)),
    "deit": ("deit_tiny_distilled_patch16_224", {**TINY, "img_size": 64}, ("timm", "hf")),
    "beit": ("beit_base_patch16_224", {**TINY, "img_size": 64}, ("timm", "hf")),
    "swin": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 56}, ("timm", "hf")),
    "swinv2": ("swinv2_tiny_window8_256", {**SWIN, "img_size": 64, "trained_windows": (8, 4)}, ("timm", "hf")),
}
ALL = [(name, kind) for name, (_, _, kinds) in CASES.items() for kind in kinds]


def write(path, preset: str, options: dict, **about):
    torch.manual_seed(0)
    family, config = preset_config(preset, **options)
    module = smalti.create_model(preset, **options).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    channels = config.in_chans
    rule = Preprocess(config.size, channels, (0.4,) * channels, (0.2,) * channels, fit="crop", crop_pct=0.8)
    labels = about.pop("labels", ("cat", "dog", "elk"))
    file = ModelFile(family, module, "classify", labels, rule, provenance={"preset": preset}, **about)
    write_model(path, file)
    return path


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_the_other_library_gives_the_same_answers_and_the_names_lead_back(name, kind, tmp_path):
    preset, options, _ = CASES[name]
    path = write(tmp_path / "m.safetensors", preset, options)
    made = export(path, tmp_path / "out", format=kind)
    assert made.difference is not None
    assert made.difference < 1e-5
    check_names(tmp_path / "out", read_model(path), kind)


def check_names(folder, file, kind):
    """What lies there is what `weights` reads as ours."""
    from smalti.weights import load_strictly, read_published, to_ours

    published = read_published(folder)
    _, state = to_ours(published.state, file.family)
    fresh = smalti.models.build(file.family, file.module.config)
    load_strictly(fresh, state, where=folder)
    images = torch.randn(2, file.processor.in_chans, *file.processor.img_size)
    with torch.no_grad():
        torch.testing.assert_close(fresh.eval()(images), file.module(images), rtol=1e-4, atol=1e-5)
    if kind == "hf":
        assert published.config["id2label"] == {"0": "cat", "1": "dog", "2": "elk"}
        assert published.preprocessor["size"] == {"shortest_edge": round(min(file.processor.img_size) / 0.8)}


@pytest.mark.parametrize("name", [name for name, kind in ALL if kind == "timm"])
def test_a_folder_of_timm_comes_back_by_itself(name, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "library", missing)
    preset, options, _ = CASES[name]
    path = write(tmp_path / "m.safetensors", preset, options)
    export(path, tmp_path / "out", format="timm")
    assert run(["import-weights", str(tmp_path / "out"), "--out", str(tmp_path / "back.safetensors")]) == 0
    file, back = read_model(path), read_model(tmp_path / "back.safetensors")
    assert (back.family, back.labels, back.processor) == (file.family, file.labels, file.processor)
    images = torch.randn(2, file.processor.in_chans, *file.processor.img_size)
    with torch.no_grad():
        torch.testing.assert_close(back.module(images), file.module(images), rtol=1e-4, atol=1e-5)


def missing(name):
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@pytest.mark.parametrize("kind", ["timm", "hf"])
def test_how_pictures_are_fitted_comes_back(fit, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "library", missing)
    file = read_model(write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", {"num_classes": 3, "depth": 1}))
    rule = replace(file.processor, fit=fit, crop_pct=1.0 if fit == "pad" else 0.8, interpolation="bilinear")
    write_model(tmp_path / "m.safetensors", replace(file, processor=rule))
    export(tmp_path / "m.safetensors", tmp_path / "out", format=kind)
    config, published = file.module.config, read_published(tmp_path / "out")
    if kind == "timm":
        found = fit_of_timm(published, config, None, [])
    else:
        found = fit_of_transformers(published, config, [])
        rule = replace(rule, crop_rounding="down")  # and padding is said of the export
        rule = replace(rule, fit="squash") if fit == "pad" else rule
    assert replace(rule, **found) == rule


def test_that_a_cut_to_no_square_may_differ_is_said(tmp_path):
    file = read_model(write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", {"num_classes": 3, "depth": 1}))
    square, wide = (
        replace(file, processor=replace(file.processor, img_size=s, fit="crop")) for s in ((64, 64), (32, 64))
    )
    assert not any("no square" in line for line in folders.remarks(square, "hf"))
    assert any("no square" in line for line in folders.remarks(wide, "hf"))


def test_that_the_middle_may_begin_elsewhere_is_said(tmp_path):
    file = read_model(write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", {"num_classes": 3, "depth": 1}))
    down = replace(file, processor=replace(file.processor, crop_rounding="down"))
    squashed = replace(file, processor=replace(file.processor, fit="squash", crop_pct=1.0))
    for model, kind, said in (
        (file, "hf", 1),
        (file, "timm", 0),
        (down, "hf", 0),
        (down, "timm", 1),
        (squashed, "hf", 0),
    ):
        assert sum("half a pixel" in line for line in folders.remarks(model, kind)) == said


def test_that_grey_and_16_bits_do_not_travel_is_said(tmp_path):
    file = read_model(write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", {"num_classes": 3, "depth": 1}))
    assert folders.remarks(file, "timm") == ()
    rule = replace(file.processor, in_chans=1, mean=(0.4,), std=(0.2,), white=4095.0)
    bits, grey = folders.remarks(replace(file, processor=rule), "timm")
    assert "4095 is white" in bits
    assert "makes pictures in colour grey" in grey


def test_a_format_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(InputError, match="format = 'onnx' is not one of hf, timm"):
        export(tmp_path / "m.safetensors", tmp_path / "out", format="onnx")  # type: ignore[arg-type]


def test_a_published_size_comes_back_as_the_same_model_file(tmp_path):
    options = {"num_classes": 3}
    path = write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", options)
    export(path, tmp_path / "out", format="hf")
    back = smalti.import_weights(tmp_path / "out", tmp_path / "back.safetensors", preset="vit_tiny_patch16_224").model
    file = read_model(path)
    assert back.labels == file.labels
    assert back.processor.mean == file.processor.mean
    assert back.processor.fit == "crop"
    assert back.processor.crop_pct == pytest.approx(0.8)
    assert all(torch.equal(t, file.module.state_dict()[name]) for name, t in back.module.state_dict().items())


ODD = {  # preset, options
    "vit_small_patch14_reg4_dinov2": ("vit_small_patch14_reg4_dinov2", {**TINY, "img_size": 56}),
    "beit, no square": ("beit_base_patch16_224", {**TINY, "img_size": (32, 64)}),
    "a hidden layer": ("vit_tiny_patch16_224", {**TINY, "img_size": 32, "pre_logits": 24}),
    "another norm": ("vit_tiny_patch16_224", {**TINY, "img_size": 32, "norm_eps": 1e-3}),
    "normed queries": ("beit_base_patch16_224", {**TINY, "img_size": 32, "qk_norm": True}),
    "windows": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 64}),
    "windows, V2": ("swinv2_tiny_window8_256", {**SWIN, "img_size": 48, "trained_windows": ()}),
}


@pytest.mark.parametrize(
    ("preset", "kind", "told"),
    [
        ("cct_mini_patch4_32", "timm", "timm has no model with a convolutional stem"),
        ("cct_mini_patch4_32", "hf", "transformers has no model with a convolutional stem"),
        ("vit_small_patch14_reg4_dinov2", "hf", "registers|LayerScale"),
        ("beit, no square", "hf", "transformers has no model with a bias on scores over a grid that is no square"),
        ("a hidden layer", "timm", "timm has no model with a hidden layer in the head"),
        ("a hidden layer", "hf", "transformers has no model with a hidden layer in the head"),
        ("another norm", "timm", "timm has no model with norms that add 0.001"),
        ("normed queries", "hf", "transformers has no model with normed queries"),
        ("windows", "timm", "timm has no model with shifted windows on a grid that they do not fill"),
        ("windows, V2", "timm", "timm has no model with shifted windows on a grid that they do not fill"),
        ("cnn_small_32", "timm", "no way to timm for models of the family cnn"),
    ],
)
def test_what_they_do_not_have_is_refused_before_anything_is_written(preset, kind, told, tmp_path):
    preset, options = ODD.get(preset, (preset, {"num_classes": 3}))
    path = write(tmp_path / "m.safetensors", preset, options)
    with pytest.raises(InputError, match=told):
        export(path, tmp_path / "out", format=kind)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    path = write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", {**TINY, "img_size": 32})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="is there already"):
        export(path, tmp_path / "out", format="timm")
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"


def test_another_answer_leaves_nothing_that_loads(tmp_path, monkeypatch):
    path = write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", {**TINY, "img_size": 32})
    wrong = (*folders.FORMATS["timm"][:2], lambda folder, images: torch.zeros(1, 3))
    monkeypatch.setitem(folders.FORMATS, "timm", wrong)
    with pytest.raises(SmaltiError, match="answers differently"):
        export(path, tmp_path / "out", format="timm")
    assert not (tmp_path / "out" / "config.json").exists()


@pytest.mark.parametrize("answered", [RuntimeError("shapes\ndiffer"), torch.full((1, 3), torch.nan)])
def test_no_answer_leaves_nothing_that_loads(answered, tmp_path, monkeypatch):
    path = write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", {**TINY, "img_size": 32})

    def answer(folder, images):
        if isinstance(answered, Exception):
            raise answered
        return answered

    monkeypatch.setitem(folders.FORMATS, "hf", (*folders.FORMATS["hf"][:2], answer))
    with pytest.raises(SmaltiError, match=r"gives no answer there \(shapes|answers differently there \(by nan"):
        export(path, tmp_path / "out", format="hf")
    assert not (tmp_path / "out" / "config.json").exists()


def test_without_the_library_it_says_that_nothing_was_compared(tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "m.safetensors", "vit_tiny_patch16_224", {**TINY, "img_size": 32}, views=Views(mirror=True))

    monkeypatch.setattr(folders, "library", missing)
    assert run(["export", str(path), "--format", "hf", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "pip install transformers" in out
    assert "2 views" in out
    assert run(["export", str(path), "--format", "hf", "--out", str(tmp_path / "two"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["difference"] is None

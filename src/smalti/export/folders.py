"""Folders that timm and transformers load by themselves: weights under their names, settings, preprocessing."""

import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save
from torch import Tensor

from smalti.configs import fit
from smalti.data.preprocess import Preprocess, before_crop
from smalti.errors import InputError, SmaltiError, printable
from smalti.export.configs import HUGGINGFACE, TIMM
from smalti.files import make_folder, write_durably
from smalti.importing import RESAMPLE
from smalti.modelfile import ModelFile, read_any_model
from smalti.models import FAMILIES
from smalti.tokenizers import Tokenizer, published_files
from smalti.tokenizers.published import OURS
from smalti.weights import HUGGINGFACE as HUGGINGFACE_NAMES
from smalti.weights import text_to_huggingface, to_timm

__all__ = ["Exported", "Format", "export"]

Format = Literal["hf", "timm"]
AGREEMENT = 1e-4  # of the largest logit, in fp32


@dataclass(frozen=True)
class Exported:
    """What came out of an export.

    Args:
        path: the folder.
        difference: by how much the other library's answer to an example differs, relative to the largest logit; None
            where that library is not installed here, so that nothing could be compared.
        remarks: what is not the same there, a line each.
    """

    path: Path
    difference: float | None
    remarks: tuple[str, ...]


def export(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    format: Format,  # noqa: A002 - as on the command line
) -> Exported:
    """Writes a trained model as a folder for another library, and has that library answer for an example.

    Args:
        model: a model file or a run folder; no loaded model, which is prepared to answer fast.
        out: the folder to make.
        format: "hf" for transformers' `from_pretrained`, "timm" for timm's `create_model("local-dir:...")`.

    Raises:
        InputError: the other library has no such model, or there is something at `out`.
        SmaltiError: its answer differs, or it gives none; the folder is left without a config.json, so that nothing
            loads it.
    """
    fit(format, Format, "format")
    file, folder = read_any_model(model), Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("is there already", where=folder, mend="choose another --out")
    configs, write, answer = FORMATS[format]
    if file.family not in configs:
        raise InputError(
            f"there is no way to {format} for models of the family {file.family}",
            mend=f"it goes for {', '.join(configs)}",
        )
    is_text = isinstance(file.processor, Tokenizer)
    if not is_text and (file.task != "classify" or not file.labels):
        raise InputError(f"a model for {file.task or 'features'} has no form there", mend="use smalti.load")
    arguments = configs[file.family](file.module.config)
    make_folder(folder)
    config = (write_text if is_text else write)(file, folder, *arguments)
    write_durably(folder / "config.json", json.dumps(config, indent=2))
    try:
        difference = compare(file, answer, folder)
    except Exception as error:  # the other library fails in ways of its own
        (folder / "config.json").unlink()
        raise SmaltiError("gives no answer there", where=folder, why=printable(error), mend="report this") from error
    if difference is not None and not difference <= AGREEMENT:
        (folder / "config.json").unlink()
        raise SmaltiError("answers differently there", where=folder, why=f"by {difference:.2g}", mend="report this")
    return Exported(folder, difference, remarks(file, format))


def write_timm(file: ModelFile[Any], folder: Path, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The weights, and timm's config.json."""
    rule = file.processor
    write_weights(folder, to_timm(file.module.state_dict(), file.family))
    about = {
        "input_size": [rule.in_chans, *rule.img_size],
        "mean": rule.mean,
        "std": rule.std,
        "interpolation": rule.interpolation,
        "crop_pct": rule.crop_pct,
        "crop_mode": {"squash": "squash", "crop": "center", "pad": "border"}[rule.fit],
        "num_classes": len(file.labels),
    }
    return {
        "architecture": name,
        "num_classes": len(file.labels),
        "label_names": file.labels,
        "pretrained_cfg": about,
        "model_args": {**arguments, "in_chans": rule.in_chans},
    }


def write_huggingface(file: ModelFile[Any], folder: Path, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The weights and the preprocessing, and transformers' config.json."""
    kind = arguments["model_type"]
    bare = HUGGINGFACE_NAMES[kind].to_theirs(file.module.state_dict())
    heads = ("classifier.", "cls_classifier.", "distillation_classifier.")
    write_weights(folder, {one if one.startswith(heads) else f"{kind}.{one}": tensor for one, tensor in bare.items()})
    write_durably(folder / "preprocessor_config.json", json.dumps(processor(file.processor), indent=2))
    return {
        "architectures": [name],
        **arguments,
        "num_channels": file.processor.in_chans,
        **names_of_outputs(file.labels),
    }


def write_text(file: ModelFile[Tokenizer], folder: Path, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The weights and the tokenizer, and transformers' config.json, of a model of text."""
    write_weights(folder, text_to_huggingface(file.module.state_dict(), file.family))
    for path, text in published_files(file.processor).items():
        write_durably(folder / path, text)
    return {"architectures": [name], **arguments, **names_of_outputs(file.labels)}


def names_of_outputs(labels: tuple[str, ...]) -> dict[str, Any]:
    """transformers' words for labels; none where outputs are tokens."""
    told = {"id2label": dict(enumerate(labels)), "label2id": {label: number for number, label in enumerate(labels)}}
    return told if labels else {}


def processor(rule: Preprocess) -> dict[str, Any]:
    """transformers' words for a Preprocess."""
    H, W = rule.img_size
    told = {
        "do_resize": True,
        "resample": {name: number for number, name in RESAMPLE.items()}[rule.interpolation],
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": rule.mean,
        "image_std": rule.std,
    }
    if rule.fit == "pad" or (rule.fit == "squash" and rule.crop_pct == 1):
        return {"image_processor_type": "ViTImageProcessor", **told, "size": {"height": H, "width": W}}
    height, width = (before_crop(side, rule.crop_pct) for side in (H, W))
    squashed = {"image_processor_type": "DeiTImageProcessor", "size": {"height": height, "width": width}}
    short = {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": min(height, width)}}
    return {
        **(squashed if rule.fit == "squash" else short),
        **told,
        "do_center_crop": True,
        "crop_size": {"height": H, "width": W},
    }


def write_weights(folder: Path, state: dict[str, Tensor]) -> None:
    """model.safetensors."""
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    write_durably(folder / "model.safetensors", save(tensors, metadata={"format": "pt"}))


def compare(file: ModelFile[Any], answer: Callable[[Path, Tensor], Tensor], folder: Path) -> float | None:
    """The difference of the other library's answer to an example; None where it is not installed."""
    (example,) = FAMILIES[file.family].example(file.module.config)
    with torch.inference_mode():
        ours = file.module(example)
        try:
            theirs = answer(folder, example)
        except ModuleNotFoundError:
            return None
    return ((theirs - ours).abs().max() / ours.abs().max().clamp(min=1e-6)).item()


def answer_timm(folder: Path, example: Tensor) -> Tensor:
    """timm's answer."""
    return library("timm").create_model(f"local-dir:{folder}", pretrained=True).eval()(example)


def answer_huggingface(folder: Path, example: Tensor) -> Tensor:
    """transformers' answer."""
    (name,) = json.loads((folder / "config.json").read_text())["architectures"]
    return getattr(library("transformers"), name).from_pretrained(folder).eval()(example).logits


def library(name: str) -> Any:
    """Another library, where it is installed: smalti itself needs none of them. Both import torchvision."""
    from smalti._torchvision import torchvision  # noqa: F401 - the guard comes first

    return importlib.import_module(name)


def remarks(file: ModelFile[Any], format: Format) -> tuple[str, ...]:  # noqa: A002 - as in `export`
    """What of a model does not travel."""
    told = []
    if len(file.views) > 1:
        told.append(f"smalti averages the answers for {len(file.views)} views of a picture; there it is one")
    rule = file.processor
    if isinstance(rule, Tokenizer):
        if set(published_files(rule)) == {OURS}:
            told.append(f"transformers has no tokenizer of {rule.kind}; ours is in {OURS} there")
        return tuple(told)
    if rule.white != Preprocess.white:
        told.append(f"pixels of 16 bits, of which {rule.white:g} is white here, are not part of what is told there")
    if rule.in_chans == 1:
        told.append("smalti makes pictures in colour grey; there they have to be grey already")
    if rule.fit == "pad" and format == "hf":
        told.append("the padding of pictures to a square is not part of what is told there")
    if rule.fit == "crop" and len({*rule.img_size}) > 1:
        told.append("pictures are cut to a shape that is no square: what is cut off there may differ")
    if (rule.fit == "crop" or rule.crop_pct < 1) and rule.crop_rounding != ROUNDING[format]:
        told.append("where half a pixel is left over, the middle of a picture begins a pixel further or less far there")
    return tuple(told)


ROUNDING: dict[Format, str] = {"timm": "even", "hf": "down"}  # as `Preprocess.crop_rounding`
FORMATS: dict[Format, tuple[dict[str, Callable[[Any], Any]], Callable[..., dict[str, Any]], Callable[..., Tensor]]] = {
    "timm": (TIMM, write_timm, answer_timm),
    "hf": (HUGGINGFACE, write_huggingface, answer_huggingface),
}

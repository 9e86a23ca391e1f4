"""Published weights into a model file: the right names, the right size, the preprocessing they were trained with."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from smalti._version import __version__
from smalti.configs import fit
from smalti.data.preprocess import Interpolation, Preprocess
from smalti.data.source import Task
from smalti.errors import InputError, few
from smalti.files import require_place
from smalti.modelfile import ModelFile, read_any_model, write_model
from smalti.models import build, list_models, preset_config
from smalti.nn.blank import Blank
from smalti.tokenizers import read_published_tokenizer
from smalti.weights import (
    Published,
    fit_input,
    is_hub_name,
    load_strictly,
    options_from_huggingface,
    options_from_timm,
    options_of,
    preset_of,
    read_hub,
    read_published,
    refuse_others,
    sizes_of,
    to_ours,
)
from smalti.weights.huggingface import KINDS, task_of
from smalti.weights.text import TEXT
from smalti.weights.timm import pads_and_shifts

__all__ = ["RESAMPLE", "Imported", "Translated", "import_weights", "published_model"]

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation, a value a channel

HEADS = ("head.weight", "head.fc.weight", "fc.weight", "classifier.2.weight")  # the last two are torchvision's

AS_STORED: Normalisation = (0.0,) * 3, (1.0,) * 3
IMAGENET: Normalisation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF: Normalisation = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
CLIP: Normalisation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
PRESETS = {"gpt": "gpt2", "bert": "bert_base"}  # what published models of text are, but for their sizes
CROP_MODES = {"squash": "squash", "center": "crop", "border": "pad"}  # timm's
RESAMPLE = dict(enumerate(("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")))  # Pillow's numbers
TORCHVISION = {"resnet": 224 / 256, "convnext": 224 / 236}  # the share that is kept, of its first weights; bilinear


@dataclass(frozen=True)
class Translated:
    """Published weights as one of our models.

    Args:
        model: what a model file holds.
        names: whose names the weights had.
        remarks: what was found or assumed, a line each.
    """

    model: ModelFile[Any]
    names: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Imported(Translated):
    """What came out of an import.

    Args:
        model: what is in the model file, read again.
        names: whose names the weights had.
        remarks: what was found or assumed, a line each.
        path: the model file.
    """

    path: Path


def import_weights(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    preset: str | None = None,
    task: Task | None = None,
    img_size: int | Sequence[int] | None = None,
    in_chans: int | None = None,
    labels: Iterable[str] | str | os.PathLike[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    download: bool = False,
) -> Imported:
    """Published weights as a model file.

    Args:
        source: timm's .safetensors, a folder of transformers or timm, the .npz of the authors of ViT, the .pth of those
            of DeiT, BEiT, Swin, MAE, DINO, DINOv2 or DINOv3 (read by another process, tensors only). A folder of GPT-2
            or BERT, with its tokenizer, says all by itself. Or a name on Hugging Face's hub, OWNER/NAME or
            OWNER/NAME@COMMIT.
        out: the model file to write.
        preset: what the weights are of; a timm folder says so itself, one of transformers by its sizes.
        task: what the outputs are: "classify", "multilabel" or "regress"; else as the folder says, or classes.
        img_size: side, or (height, width), of the pictures the model shall take; else that of the preset that is named,
            or of the folder: of a DINOv2 of transformers what its preprocessor makes of pictures.
        in_chans: channels it shall take; else as the folder says, or 3.
        labels: names of the outputs in order, or a text file with one a line; else as the folder says, or numbers.
        mean: of the pixels, a value a channel or one for all; else as the folder says, or as the published models have
            it.
        std: their deviation, likewise.
        download: whether weights named on the hub may be fetched; without it nothing touches the network.

    Raises:
        DifferenceError: the weights are not those of the preset; it has a row for each tensor that differs.
        InputError: they cannot be read, are not finite, or their folder tells of a model that smalti has not; there are
            not as many values of `mean` or `std` as channels; or there is one output, and nothing tells what it is.
        StorageError: there is no room for them.
    """
    require_place(out)
    pictures = {"task": task, "img_size": img_size, "in_chans": in_chans, "mean": mean, "std": std}
    made = published_model(source, preset=preset, labels=labels, download=download, **pictures)  # type: ignore[arg-type]
    if made.model.task == "classify" and len(made.model.labels) == 1:
        what = "has one output, which is no class but a number, or a label that holds or not"
        raise InputError(what, where=source, mend="add --task regress or --task multilabel")
    path = Path(out)
    write_model(path, made.model)
    return Imported(read_any_model(path), made.names, made.remarks, path)


def published_model(
    source: str | os.PathLike[str],
    *,
    preset: str | None = None,
    task: Task | None = None,
    img_size: int | Sequence[int] | None = None,
    in_chans: int | None = None,
    labels: Iterable[str] | str | os.PathLike[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    download: bool = False,
) -> Translated:
    """As `import_weights`, in memory."""
    published = read_hub(source, download=download) if is_hub_name(source) else read_published(source)
    if published.config.get("model_type") in {about.kind for about in TEXT.values()}:
        pictures = {"task": task, "img_size": img_size, "in_chans": in_chans, "mean": mean, "std": std}
        for name in (name for name, value in pictures.items() if value is not None):
            raise InputError(f"{name} is for models of pictures", where=source, mend="leave it out")
        return text_model(published, labels)
    options = options_from_huggingface(published.config) | options_from_timm(published.config)
    learned_at = options.get("img_size")
    if preset is not None:
        options.pop("img_size", None)  # a preset that a person names says the size too
    elif given := given_size(published):
        options["img_size"] = given
    preset, sizes = (preset, {}) if preset else find_preset(published, source)
    family, config = preset_config(preset, **sizes)
    if family in TEXT:
        what = f"{preset} is a model of text; those are read from a folder of {text_kinds()}, which says what it is"
        raise InputError(what, where=source, mend="name that folder, or a preset for pictures")
    refuse_others(published.config, preset, **sizes)
    names, state = ("the authors of ViT", published.state) if published.ours else to_ours(published.state, family)
    remarks = [f"{len(published.state)} tensors with the names of {names}"]

    if sizes:
        remarks.append(f"its sizes are those of its config.json, else it is as {preset}")
    wanted = {**options, **sizes, "num_classes": outputs(state, *HEADS)}
    if hidden := outputs(state, "pre_logits.fc.weight"):
        wanted["pre_logits"] = hidden
    if "reg_token" in state:
        wanted["reg_tokens"] = state["reg_token"].shape[1]
    wanted.pop("pool", None)
    if pool := pool_of(state, options.get("pool"), getattr(config, "pool", None)):
        wanted["pool"] = pool
    if (eps := published.config.get("layer_norm_eps")) and hasattr(config, "norm_eps"):
        wanted["norm_eps"] = eps  # transformers' 1e-12 where others have 1e-6
    if img_size is not None:
        wanted["img_size"] = img_size
    if in_chans is not None:
        wanted["in_chans"] = in_chans
    family, config = preset_config(preset, **wanted)
    chans: int = config.in_chans
    for name, values in {"mean": mean, "std": std}.items():
        if values is not None and len(values) not in (1, chans):
            what = f"{len(values)} values of {name} do not fit {chans} channels"
            raise InputError(what, mend="give a value a channel, or one for all")
    with Blank():
        module = build(family, config)
    there = {"img_size": learned_at or preset_config(preset)[1].img_size}
    with Blank(), torch.device("meta"):
        learned = build(*preset_config(preset, **wanted | there))
    if beside := sorted(published.outside & state.keys() - module.state_dict().keys()):
        remarks.append(f"what lies beside the model there is left out: {few(beside)}")
        state = {name: tensor for name, tensor in state.items() if name not in beside}
    load_strictly(module, fit_input(state, module, learned), where=source)
    if family in ("swin", "swinv2") and names == "timm" and pads_and_shifts(config):
        unit = config.patch_size * config.window * 2 ** (len(config.depths) - 1)
        remarks.append(
            "answers differ from timm's, which pads windows that the picture does not fill in another way; they are "
            f"alike at sizes that are multiples of {unit} (--img-size {unit})"
        )
    if not config.num_classes and "classifier.weight" in published.state:
        remarks.append(f"its head for classes is left out: it reads the class token alone, which {preset} does not")

    found = find_normalisation(published, preset, bool(config.num_classes), mean, std, remarks)
    mean, std = (recycled(values, chans) for values in found)
    about = {"architecture": preset, **where_from(published)}
    model = ModelFile(
        family,
        module.eval(),
        find_task(published, config.num_classes, task),
        find_labels(published, config.num_classes, labels, remarks),
        Preprocess(config.size, chans, mean, std, **find_fit(published, config.size, family, remarks)),
        provenance={"smalti": __version__, "preset": preset, "weights": about},
    )
    return Translated(model, names, tuple(remarks))


def find_preset(published: Published, source: object) -> tuple[str, dict[str, Any]]:
    """The preset that a folder tells, and the sizes in which its model is another. Raises InputError where it tells of
    none, or of a model that is not read.
    """
    told = published.config
    if preset := preset_of(told):
        return preset, {}
    if found := sizes_of(told):
        return found
    if name := told.get("architecture"):
        return (f"{name}_224" if f"{name}_224" in list_models("resnet*") else name), {}  # as timm has them
    if kind := told.get("model_type"):
        reads = f"of transformers it reads {', '.join(KINDS)}, {text_kinds()}"
        raise InputError(f'is a model of the kind "{kind}", which smalti does not read', where=source, mend=reads)
    raise InputError("does not say what model it is of", where=source, mend="add --preset (smalti models lists them)")


def text_kinds() -> str:
    """What transformers calls the models of text that are read."""
    return ", ".join(about.kind for about in TEXT.values())


def find_task(published: Published, count: int, given: Task | None) -> str:
    """What the outputs are: as the person says, as the folder says. Raises InputError where there are none to say it
    of.
    """
    if given is None:
        return task_of(published.config, count)
    if not count:
        raise InputError("has no outputs that could be for a task", where=published.path, mend="leave out --task")
    return fit(given, Task, "task")


def text_model(published: Published, labels: object) -> Translated:
    """A folder of GPT-2 or BERT as a model of text."""
    family, options = options_of(published.config, published.state)
    tokenizer = read_published_tokenizer(published.path)
    names, state = to_ours(published.state, family)
    remarks = [f"{len(published.state)} tensors with the names of {names}"]
    spare = options["vocab_size"] - tokenizer.vocab_size
    if spare < 0:
        what = f"its tokenizer has {tokenizer.vocab_size} ids, its weights {options['vocab_size']}"
        raise InputError(what, where=published.path, mend="get the tokenizer that belongs to the weights")
    if spare:
        remarks.append(f"{spare} ids beyond the tokenizer's are left out")
    for name in ("token_embed.weight", "head.bias"):
        if name in state and len(state[name]) == options["vocab_size"]:
            state[name] = state[name][: tokenizer.vocab_size]
    family, config = preset_config(PRESETS[family], **options | {"vocab_size": tokenizer.vocab_size})
    with Blank():
        module = build(family, config)
    load_strictly(module, state, where=published.path)
    classes = options.get("num_classes", 0)
    task = "classify" if classes else {"gpt": "next-token", "bert": "masked-token"}[family]
    model = ModelFile(
        family,
        module.eval(),
        task,
        find_labels(published, classes, labels, remarks) if classes else (),
        tokenizer,
        provenance={"smalti": __version__, "preset": PRESETS[family], "weights": where_from(published)},
    )
    return Translated(model, names, tuple(remarks))


def where_from(published: Published) -> dict[str, str]:
    """For the provenance: what the weights were called, and the SHA-256 of their files in order."""
    return {"source": published.origin or published.path.name, "checksum": checksum_of(published.files)}


def outputs(state: dict[str, Tensor], *names: str) -> int:
    """Rows of the first of these weights that is there; 0 where none is."""
    return next((len(state[name]) for name in names if name in state), 0)


def pool_of(state: Mapping[str, Tensor], told: str | None, usual: str | None) -> str | None:
    """What a model of these weights reads its answer off, where its folder tells that and where its preset has one;
    None for a family that has but one way. Names and shapes of the weights tell the rest.
    """
    if usual is None:
        return None
    head = state.get("head.weight")
    if told != "cls" and "fc_norm.weight" in state and "norm.weight" not in state:
        return "mean"  # MAE's with a head, and timm's with global_pool="avg"
    if head is not None and "cls_token" in state and head.shape[1] == 2 * state["cls_token"].shape[-1]:
        return "cls_mean"  # transformers' head of DINOv2
    pool = told or usual
    if pool != "mean" or "norm.weight" not in state:
        return pool  # a mean with its norm behind it
    return "normed_mean" if told and head is not None else "cls"  # of BEiT and of DINOv3 without a head


def find_labels(published: Published, count: int, given: object, remarks: list[str]) -> tuple[str, ...]:
    """Names of the outputs, each its own."""
    if isinstance(given, str | os.PathLike):
        found = [line.strip() for line in read_text(Path(given)).splitlines() if line.strip()]
    elif isinstance(given, Iterable):
        found = list(map(str, given))
    else:
        told = told_labels(published)
        if max(told, default=0) >= count:
            told = {}  # of another model's outputs
        if len(told) < count:
            which = "some outputs" if told else "the outputs"
            remarks.append(f"{which} have no names there and are numbered; --labels FILE gives them names")
        found = [told.get(i, f"class {i:0{len(str(count - 1))}d}") for i in range(count)]
    if len(found) != count:
        raise InputError(f"{len(found)} labels for {count} outputs", mend="give one line an output, in order")
    while len(times := Counter(found)) < count:
        found = [f"{name} ({i})" if times[name] > 1 else name for i, name in enumerate(found)]
    return tuple(found)


def told_labels(published: Published) -> dict[int, str]:
    """The names of outputs that a folder tells, by number; there may be gaps."""
    config = published.config
    told = config.get("id2label") or config.get("label_names") or config.get("pretrained_cfg", {}).get("label_names")
    named = told if isinstance(told, dict) else dict(enumerate(told or ()))
    try:
        return {int(number): str(name) for number, name in named.items()}
    except ValueError as error:
        what = "its labels are not told by number"
        raise InputError(what, where=published.path, why=str(error), mend="add --labels FILE") from error


def read_text(path: Path) -> str:
    """A text file. Raises InputError where it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=path, why=str(error), mend="name a text file in UTF-8") from error


def find_normalisation(
    published: Published,
    preset: str,
    labelled: bool,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    remarks: list[str],
) -> Normalisation:
    """Mean and deviation: as the person says, as the folder says, as the published models have them."""
    told = {**published.config.get("pretrained_cfg", {})}
    about = published.preprocessor
    if not about.get("do_normalize", True):
        told["mean"], told["std"] = AS_STORED
    elif "image_mean" in about and "image_std" in about:
        told = {"mean": about["image_mean"], "std": about["image_std"]}
    if "mean" not in told or "std" not in told:
        # the authors of ViT, FlexiViT and BEiT scale pixels to [-1, 1], those of EVA-02 as CLIP does, all others use
        # ImageNet's mean and deviation; a plain ViT without a head is MAE's or DINO's, unless Google published it, and
        # one that norms the mean of its patches is MAE's with a head
        others = "_dino" in preset or published.config.get("model_type") in ("deit", "vit_msn")
        plain = preset.startswith("vit_") and labelled and not others and "fc_norm.weight" not in published.state
        half = preset.startswith(("beit_", "flexivit_")) or published.ours or plain
        told["mean"], told["std"] = CLIP if preset.startswith("eva02_") else HALF if half else IMAGENET
        if mean is None:
            remarks.append(f"mean and deviation of the pixels are taken to be {told['mean']} and {told['std']}")
    unit = 255 * rescale_factor(about)
    return tuple(mean or [one / unit for one in told["mean"]]), tuple(std or [one / unit for one in told["std"]])


def rescale_factor(about: Mapping[str, Any]) -> float:
    """By what a preprocessor of transformers multiplies bytes before it normalises them."""
    if not about.get("do_rescale", True):
        return 1.0
    factor = about.get("rescale_factor", 1 / 255)
    if not isinstance(factor, int | float) or factor <= 0:
        what = f"rescale_factor = {factor!r} in preprocessor_config.json is no number above 0"
        raise InputError(what, mend="get the folder again")
    return factor


def recycled(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """A value a channel: their mean for grey, else in turn."""
    if channels == len(values):
        return values
    return (sum(values) / len(values),) if channels == 1 else tuple(values[i % len(values)] for i in range(channels))


def find_fit(published: Published, size: tuple[int, int], family: str, remarks: list[str]) -> dict[str, Any]:
    """How pictures are fitted to the input: as the folder says, else the middle of them, as torchvision or timm do it
    with most of their models.
    """
    about = published.preprocessor
    if not about.get("do_resize", True):
        remarks.append(f"its preprocessor leaves pictures in their size; here they are made {size[0]} x {size[1]}")
    if about.get("size"):
        cut = about.get("crop_size") if about.get("do_center_crop", True) else None
        return {
            "fit": "crop" if isinstance(about["size"], dict) and "shortest_edge" in about["size"] else "squash",
            "crop_pct": min(1.0, side_of(cut) / side_of(about["size"])) if cut else 1.0,
            "interpolation": find_filter(about.get("resample", 3), remarks),
        }
    told = published.config.get("pretrained_cfg", {})
    usual, share = "bilinear" if family in TORCHVISION else "bicubic", 0.9 if max(size) <= 256 else 1.0
    fitted = {
        "fit": CROP_MODES.get(told.get("crop_mode", ""), "crop"),
        "crop_pct": told.get("crop_pct") or TORCHVISION.get(family, share),
        "interpolation": find_filter(told.get("interpolation", usual), remarks),
    }
    if not told.get("crop_pct"):
        how = f"the middle {fitted['crop_pct']:.3g} of their short side, {fitted['interpolation']}"
        remarks.append(f"what is seen of pictures is taken to be {how}")
    return fitted


def find_filter(told: object, remarks: list[str]) -> str:
    """What pictures are resized with: the filter of that name or number, or bicubic for one that smalti has not."""
    name = RESAMPLE.get(told, told) if isinstance(told, int) else told
    if name in get_args(Interpolation):
        return str(name)
    remarks.append(f"pictures are resized with the filter {name} there, which smalti has not: bicubic is taken")
    return "bicubic"


def given_size(published: Published) -> tuple[int, int] | None:
    """(H, W) of the pictures that the preprocessor of a DINOv2 makes: 224 where the config says 518, since transformers
    resizes its positions to what it is given. None for others, where nothing is told, or where patches do not fill it.
    """
    about, patch = published.preprocessor, published.config.get("patch_size")
    cut = about.get("crop_size") if about.get("do_center_crop", True) else about.get("size")
    sides = (cut.get("height"), cut.get("width")) if isinstance(cut, dict) else (cut, cut)
    if published.config.get("model_type") not in ("dinov2", "dinov2_with_registers") or not isinstance(patch, int):
        return None
    match [side for side in sides if isinstance(side, int) and side >= patch > 0 and side % patch == 0]:
        case [H, W]:
            return H, W
    return None


def side_of(size: Any) -> float:
    """A side of pictures in pixels, as transformers says it: a number, or one by name."""
    side = size.get("shortest_edge", size.get("height")) if isinstance(size, dict) else size
    if not isinstance(side, int | float) or side <= 0:
        raise InputError(f"{size!r} in preprocessor_config.json is no size of pictures", mend="get the folder again")
    return side


def checksum_of(files: Iterable[Path]) -> str:
    """SHA-256 of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with open(file, "rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()

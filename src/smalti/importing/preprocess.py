"""What published models do to a picture, as our Preprocess: as their folder says, else as their publishers have it."""

from collections.abc import Mapping
from typing import Any, get_args

from smalti.data.preprocess import Interpolation, Preprocess
from smalti.errors import InputError
from smalti.importing.translated import Wanted
from smalti.models.convnext import ConvNeXtConfig
from smalti.models.resnet import ResNetConfig
from smalti.models.vit import ViTConfig
from smalti.weights import Published

__all__ = ["RESAMPLE", "find_preprocess", "given_size", "whole"]

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation, a value a channel

AS_STORED: Normalisation = (0.0,) * 3, (1.0,) * 3
IMAGENET: Normalisation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF: Normalisation = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
CLIP: Normalisation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def in_words(by: Normalisation) -> dict[str, Any]:
    """Mean and deviation in the words of transformers."""
    return {"image_mean": by[0], "image_std": by[1]}


RESAMPLE = dict(enumerate(("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")))  # Pillow's numbers
PROCESSORS: dict[str, dict[str, Any]] = {  # of transformers, by what their names begin with: where their file is silent
    "ViT": {"size": 224, "resample": 2, **in_words(HALF)},
    "DINOv3ViT": {"size": 224, "resample": 2, **in_words(IMAGENET)},
    "Beit": {"size": 224, "resample": 3, **in_words(HALF)},
    "DeiT": {"size": 256, "resample": 3, "crop_size": 224, "do_center_crop": True, **in_words(HALF)},
    "Bit": {"size": {"shortest_edge": 224}, "resample": 3, "crop_size": 224, "do_center_crop": True, **in_words(CLIP)},
}
USUAL = {  # which of them a "model_type" has
    "deit": "DeiT",
    "beit": "Beit",
    "dinov3_vit": "DINOv3ViT",
    **dict.fromkeys(("dinov2", "dinov2_with_registers"), "Bit"),
}
CROP_MODES = {"squash": "squash", "center": "crop", "border": "pad"}  # timm's
SEEN = {"squash": "of both sides", "crop": "of the short side", "pad": "of the long side, with a border"}
# the share that is kept, of torchvision's first weights
TORCHVISION = {ViTConfig: 224 / 256, ResNetConfig: 224 / 256, ConvNeXtConfig: 224 / 236}


def find_preprocess(
    published: Published, preset: str, names: str, config: Any, wanted: Wanted, remarks: list[str]
) -> Preprocess:
    """What the model does to a picture.

    Args:
        published: the weights and what lies beside them.
        preset: what they are of.
        names: whose names they have.
        config: of the model.
        wanted: mean and deviation that a person gives.
        remarks: what is assumed is added to them.

    Raises:
        InputError: what lies beside the weights is no rule for pictures, or there are other than one value of mean or
            deviation, or one a channel.
    """
    chans: int = config.in_chans
    for name, values in {"mean": wanted.mean, "std": wanted.std}.items():
        if values is not None and len(values) not in (1, chans):
            what = f"{len(values)} values of {name} do not fit {chans} channels"
            raise InputError(what, mend="give a value a channel, or one for all")
    found = find_normalisation(published, preset, names, bool(config.num_classes), wanted, remarks)
    mean, std = (recycled(values, chans) for values in found)
    if published.preprocessor:
        fit = fit_of_transformers(published, config, remarks)
    else:
        kept = TORCHVISION.get(type(config)) if names == "torchvision" else None
        fit = fit_of_timm(published, config, kept, remarks)
    return Preprocess(config.size, chans, mean, std, **fit)


def find_normalisation(
    published: Published, preset: str, names: str, labelled: bool, wanted: Wanted, remarks: list[str]
) -> Normalisation:
    """Mean and deviation: as the person says, as the folder says, as the published models have them."""
    told = {**published.config.get("pretrained_cfg", {})}
    about = rule_of_transformers(published) if published.preprocessor else {}
    if not about.get("do_normalize", True):
        told["mean"], told["std"] = AS_STORED
    elif about:
        told = {"mean": about["image_mean"], "std": about["image_std"]}
    if "mean" not in told or "std" not in told:
        # the authors of ViT, FlexiViT and BEiT scale pixels to [-1, 1], those of EVA-02 as CLIP does, all others use
        # ImageNet's mean and deviation, torchvision those too; a plain ViT without a head is MAE's or DINO's, unless
        # Google published it, and one that norms the mean of its patches is MAE's with a head
        kind = published.config.get("model_type")
        others = "_dino" in preset or kind in ("deit", "vit_msn") or names == "torchvision"
        plain = preset.startswith("vit_") and labelled and not others and "fc_norm.weight" not in published.state
        half = preset.startswith(("beit_", "flexivit_")) or published.ours or plain
        told["mean"], told["std"] = CLIP if preset.startswith("eva02_") else HALF if half else IMAGENET
        if wanted.mean is None:
            remarks.append(f"mean and deviation of the pixels are taken to be {told['mean']} and {told['std']}")
    unit = 255 * rescale_factor(about)
    mean, std = wanted.mean or [one / unit for one in told["mean"]], wanted.std or [one / unit for one in told["std"]]
    return tuple(mean), tuple(std)


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


def fit_of_transformers(published: Published, config: Any, remarks: list[str]) -> dict[str, Any]:
    """How a preprocessor of transformers fits pictures to the input: what its file says, else what its class does."""
    about = rule_of_transformers(published)
    scaled, cut = about["size"], about.get("crop_size") if about.get("do_center_crop") else None
    keeps_shape = isinstance(scaled, dict) and "shortest_edge" in scaled
    seen = cut or scaled
    if not about.get("do_resize", True):
        H, W = config.size
        remarks.append(f"its preprocessor leaves pictures in their size; here they are made {H} x {W}")
    elif side_of(seen) > side_of(scaled) or (keeps_shape and len({*sides_of(seen)}) > 1):
        remarks.append("what is seen of pictures may differ: its preprocessor cuts them to another shape")
    return {
        "fit": "crop" if keeps_shape else "squash",
        "crop_pct": min(1.0, side_of(seen) / side_of(scaled)),
        "crop_rounding": "down",
        "interpolation": find_filter(about["resample"], remarks),
    }


def rule_of_transformers(published: Published) -> dict[str, Any]:
    """A preprocessor_config.json with what it does not say."""
    said = {name: value for name, value in published.preprocessor.items() if value is not None}
    name = str(said.get("image_processor_type") or said.get("feature_extractor_type") or "")
    kind = name.partition("ImageProcessor")[0].partition("FeatureExtractor")[0]
    kind = kind if kind in PROCESSORS else USUAL.get(str(published.config.get("model_type")), "ViT")
    rule = PROCESSORS[kind] | said
    if kind == "Bit" and isinstance(rule["size"], int):
        rule["size"] = {"shortest_edge": rule["size"]}  # of the others a square
    return rule


def fit_of_timm(published: Published, config: Any, of_torchvision: float | None, remarks: list[str]) -> dict[str, Any]:
    """How timm fits pictures to the input, or torchvision: as the folder says, else as they do it with most of their
    models. `of_torchvision` is the share that this one keeps, for its weights.
    """
    told = published.config.get("pretrained_cfg", {})
    usual, share = "bilinear" if of_torchvision else "bicubic", 0.9 if max(config.size) <= 256 else 1.0
    fit = CROP_MODES.get(told.get("crop_mode", ""), "crop")
    kept = told.get("crop_pct") or of_torchvision or share
    interpolation = find_filter(told.get("interpolation", usual), remarks)
    if not told.get("crop_pct"):
        part = "all" if kept == 1 else f"the middle {kept:.3g}"
        remarks.append(f"what is seen of pictures is taken to be {part} {SEEN[fit]}, {interpolation}")
    return {"fit": fit, "crop_pct": kept, "interpolation": interpolation}


def find_filter(told: object, remarks: list[str]) -> str:
    """What pictures are resized with: the filter of that name or number, or bicubic for one that smalti has not."""
    name = RESAMPLE.get(told, told) if isinstance(told, int) else told
    if name in get_args(Interpolation):
        return str(name)
    remarks.append(f"pictures are resized with the filter {name} there, which smalti has not: bicubic is taken")
    return "bicubic"


def given_size(published: Published) -> tuple[int, int] | None:
    """(H, W) of the pictures that the preprocessor of a DINOv2 makes: 224 where the config says 518, since transformers
    resizes its positions to what it is given. None for others, and where nothing is told.
    """
    if published.config.get("model_type") not in ("dinov2", "dinov2_with_registers") or not published.preprocessor:
        return None
    about = rule_of_transformers(published)
    match sides_of(about.get("crop_size") if about.get("do_center_crop") else about["size"]):
        case [int(H), int(W)]:
            return H, W
    return None


def whole(size: tuple[int, int], config: Any) -> tuple[int, int]:
    """What of a size patches fill."""
    patch = config.patch_size if isinstance(config, ViTConfig) else 1
    H, W = (side - side % patch if side >= patch else side for side in size)
    return H, W


def sides_of(size: Any) -> tuple[Any, Any]:
    """Height and width of pictures, as transformers says them: by name, or one number for both."""
    return (size.get("height"), size.get("width")) if isinstance(size, dict) else (size, size)


def side_of(size: Any) -> int:
    """A side of pictures in pixels, as transformers says it: a number, or one by name."""
    side = size.get("shortest_edge", size.get("height")) if isinstance(size, dict) else size
    if not isinstance(side, int) or side <= 0:
        raise InputError(f"{size!r} in preprocessor_config.json is no size of pictures", mend="get the folder again")
    return side

"""Published weights, of pictures or of text, as a model file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smalti.data.source import Task
from smalti.errors import InputError
from smalti.files import require_place
from smalti.importing.pictures import picture_model
from smalti.importing.text import text_model
from smalti.importing.translated import Labels, Translated, Wanted
from smalti.modelfile import read_any_model, write_model
from smalti.weights import is_hub_name, read_hub, read_published
from smalti.weights.text import TEXT

__all__ = ["Imported", "import_weights", "published_model"]


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
    labels: Labels = None,
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
        in_chans: channels it shall take; else those its weights are for.
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
    made = translated(source, Wanted(preset, task, img_size, in_chans, labels, mean, std), download=download)
    if made.model.task == "classify" and len(made.model.labels) == 1:
        what = "has one output, which is no class but a number, or a label that holds or not"
        raise InputError(what, where=source, mend="add --task regress or --task multilabel")
    path = Path(out)
    write_model(path, made.model)
    return Imported(read_any_model(path), made.names, made.remarks, path)


def published_model(source: str | os.PathLike[str], *, download: bool = False, **wanted: Any) -> Translated:
    """As `import_weights`, in memory; `wanted` are the fields of `Wanted`."""
    return translated(source, Wanted(**wanted), download=download)


def translated(source: str | os.PathLike[str], wanted: Wanted, *, download: bool) -> Translated:
    """The weights at `source` as a model of pictures or of text."""
    published = read_hub(source, download=download) if is_hub_name(source) else read_published(source)
    is_text = published.config.get("model_type") in {about.kind for about in TEXT.values()}
    return (text_model if is_text else picture_model)(published, wanted)

"""A ready model: pictures in, answers out. Loads without any training code."""

import io
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from PIL import ImageOps
from torch import Tensor, nn

from smalti.configs import fit
from smalti.data.decoding.depth import white_of
from smalti.data.inputs import find_pictures
from smalti.data.preprocess import Preprocess
from smalti.data.source import Raw
from smalti.data.views import PLAIN, Views
from smalti.errors import InputError, SmaltiError
from smalti.modelfile import ModelFile, read_model
from smalti.models import at_patch_size
from smalti.models.registry import example_images
from smalti.nn.device import find_device
from smalti.nn.inference import for_inference
from smalti.nn.merge import merge_tokens
from smalti.nn.precision import Precision
from smalti.nn.threads import Threads, free_threads

__all__ = ["Model", "Picture", "Prediction", "load", "picture_model"]

log = logging.getLogger(__name__)

Picture = tuple[str, Callable[[], Raw]]  # a name, and what reads the encoded bytes or the pixels


@dataclass(frozen=True)
class Prediction:
    """What a model says of one picture.

    Args:
        file: name of the picture.
        label: the most probable class; the labels present, joined by ", ", for multi-label; "" for regression.
        probability: of `label` (of the least sure one of several); 0 for regression.
        top: the most probable labels with their probabilities, best first.
        values: every output by name: probabilities, or numbers for regression.
        error: why there is no answer; all else is empty then.
    """

    file: str
    label: str = ""
    probability: float = 0.0
    top: tuple[tuple[str, float], ...] = ()
    values: dict[str, float] | None = None
    error: SmaltiError | None = None

    def to_dict(self) -> dict[str, Any]:
        """The stable shape of a line of `predict --json`."""
        if self.error is not None:
            return {"file": self.file, "error": {"cause": self.error.cause, "mend": self.error.mend}}
        if not self.top:
            return {"file": self.file, "values": self.values}
        return {
            "file": self.file,
            "label": self.label,
            "probability": self.probability,
            "top": [list(t) for t in self.top],
        }


class Model:
    """A trained model with its labels and preprocessing.

    Args:
        module: the network, on (B, C, H, W) normalised floats.
        task: "classify", "multilabel" or "regress".
        labels: names of the outputs, in order.
        preprocess: how a stored picture becomes the network's input.
        views: of a picture, whose answers are averaged.
        provenance: what made it.
        checksum: of its file; "" where it is of none.
    """

    def __init__(
        self,
        module: nn.Module,
        task: str,
        labels: Sequence[str],
        preprocess: Preprocess,
        *,
        views: Views = PLAIN,
        provenance: dict[str, Any] | None = None,
        checksum: str = "",
    ) -> None:
        self.module: Any = module.eval()
        self.task = task
        self.labels = tuple(labels)
        self.preprocess = preprocess
        self.views = views
        self.provenance = provenance or {}
        self.checksum = checksum

    @torch.inference_mode()
    def outputs(self, images: Tensor) -> Tensor:
        """Normalised images (B, C, H, W) to probabilities (B, K), or to values (B, T) for regression."""
        images = images.to(next(self.module.parameters()).device)
        answers = [ANSWERS[self.task](self.module(view).float()) for view in self.views(images)]
        return torch.stack(answers).mean(0).cpu()

    @torch.inference_mode()
    def embed(self, inputs: Any) -> Tensor:
        """Features (B, D) before the last layer, for search and probes. `inputs` as in `predict`; all must be
        readable.
        """
        dtype = getattr(self.module, "dtype", torch.float32)
        place = {"device": next(self.module.parameters()).device, "dtype": dtype}
        found = []
        for loaded in self._batches(as_pictures(inputs), EMBEDDED):
            images = self.preprocess.normalize(torch.stack([readable(*one) for one in loaded]))
            found.append(self.module.forward_pooled(images.to(**place)).float().cpu())
        if not found:
            raise InputError("there are no pictures to embed", mend="name picture files, or folders that hold some")
        return torch.cat(found)

    def predict(self, inputs: Any, *, top: int = 5, batch_size: int = 32) -> list[Prediction]:
        """Answers for pictures, in order.

        Args:
            inputs: a path or many (picture files, folders, archives), a PIL image, an array (H, W[, C]), or a list of
                those.
            top: how many labels to name.
            batch_size: pictures at a time.

        A picture that cannot be read gives a Prediction with `error`; the others are answered.
        """
        return list(self.stream(as_pictures(inputs), top=top, batch_size=batch_size))

    def stream(self, pictures: Iterable[Picture], *, top: int = 5, batch_size: int = 32) -> Iterator[Prediction]:
        """As `predict`, one by one as they are ready, for any number of pictures."""
        if not self.labels:
            raise InputError(
                "this model has no labels, it gives features", mend="smalti train DATA --from MODEL teaches it some"
            )
        for name, value in (("top", top), ("batch_size", batch_size)):
            if value < 1:
                option = f"--{name.replace('_', '-')}"
                raise InputError(f"{option} {value} is not 1 or more", mend="give a number above 0")
        threads = None
        for number, loaded in enumerate(self._batches(pictures, batch_size)):
            if number == MANY:
                threads = free_threads(torch.get_num_threads())
            with Threads(threads) if threads else nullcontext():  # whoever takes an answer has their own again
                answers = list(self._answer(loaded, top))
            yield from answers

    def _batches(self, pictures: Iterable[Picture], size: int) -> Iterator[list[tuple[str, Tensor | SmaltiError]]]:
        """So many pictures at a time, read; once they are seen to take long by as many threads as compute."""
        pictures, mapped = iter(pictures), map
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            while some := list(islice(pictures, size)):
                names, reads = zip(*some, strict=True)
                began = time.perf_counter()
                images = list(mapped(self.read, names, reads))
                if time.perf_counter() - began > SLOW * len(some):
                    mapped = pool.map
                yield list(zip(names, images, strict=True))

    def read(self, name: str, read: Callable[[], Raw]) -> Tensor | SmaltiError:
        """A picture as a tensor (C, H, W), not normalised yet; or why it cannot be read."""
        try:
            raw, rule = read(), self.preprocess
            if isinstance(raw, np.ndarray):
                rule = replace(rule, white=white_of(raw, rule.white))
            return rule.load(raw)
        except SmaltiError as error:
            return error
        except OSError as error:
            return InputError("cannot be read", where=name, why=error.strerror or str(error), mend="check the file")

    def picture(self, name: str, read: Callable[[], Raw]) -> Tensor:
        """As `read`. Raises InputError that names the picture, where it cannot be read."""
        return readable(name, self.read(name, read))

    def _answer(self, loaded: list[tuple[str, Tensor | SmaltiError]], top: int) -> Iterator[Prediction]:
        images = [image for _, image in loaded if isinstance(image, Tensor)]
        answers = iter(self.outputs(self.preprocess.normalize(torch.stack(images))) if images else ())
        for name, image in loaded:
            if isinstance(image, Tensor):
                yield self._describe(name, next(answers), top)
            else:
                yield Prediction(name, error=image)

    def _describe(self, name: str, values: Tensor, top: int) -> Prediction:
        named = dict(zip(self.labels, values.tolist(), strict=True))
        if self.task == "regress":
            return Prediction(name, values=named)
        ranked = sorted(named.items(), key=lambda item: -item[1])
        if self.task == "multilabel":
            present = [(label, p) for label, p in ranked if p >= 0.5]
            sure = min((p for _, p in present), default=1 - ranked[0][1])
            return Prediction(name, ", ".join(label for label, _ in present), sure, tuple(ranked[:top]), named)
        return Prediction(name, ranked[0][0], ranked[0][1], tuple(ranked[:top]), named)

    def __repr__(self) -> str:
        return (
            f"Model({self.task}, {len(self.labels)} labels, {type(self.module).__name__}, {self.preprocess.img_size})"
        )


EMBEDDED = 32  # pictures at a time
MANY = 4  # batches after which it is worth a look how many threads are free
SLOW = 1e-3  # seconds of reading a picture from which on threads help: small ones are mostly Python
CALIBRATION = (16, 64)  # pictures that int8 is calibrated on: at least, at most
INT8_AGREEMENT = 0.98  # of the answers that int8 has to keep
AGREEMENTS: dict[str, Callable[[Tensor, Tensor], float]] = {  # of two times the answers to the same pictures
    "classify": lambda exact, found: (exact.argmax(1) == found.argmax(1)).float().mean().item(),
    "multilabel": lambda exact, found: ((exact > 0.5) == (found > 0.5)).float().mean().item(),
    "regress": lambda exact, found: 1 - ((found - exact).square().mean(0) / exact.var(0).clamp(min=1e-12)).max().item(),
}
ANSWERS = {"classify": lambda logits: logits.softmax(-1), "multilabel": torch.sigmoid, "regress": lambda values: values}


def load(path: str | os.PathLike[str], **options: Any) -> Model:
    """The ready model in a model file or a run folder; options as those of `picture_model`.

    Raises:
        InputError: there is no model there, or it is another kind of file, or not for what is asked of it.
        DamagedError: it is not what it was when it was written.
    """
    return picture_model(read_model(path), **options)


def picture_model(
    file: ModelFile[Preprocess],
    *,
    device: str | None = None,
    precision: Precision | None = None,
    int8: Any = None,
    merge: int = 0,
    patch_size: int | None = None,
) -> Model:
    """The ready model of what was read from a model file, prepared for the machine it runs on (`smalti.nn.inference`).

    Args:
        file: its module is used up.
        device: where it shall run, "cpu" for instance; else a CUDA GPU where there is one (with int8 the CPU).
        precision: "fp32" or "bf16"; else bf16 where the device has it and this model agrees in it with itself in fp32.
        int8: pictures as in `Model.predict`, like those the model will see: compute in int8, calibrated on the first
            64 of them, 16 at least. It is faster (docs/performance.md) and refused where it changes more than 2 % of
            the answers to them. CPU only.
        merge: how many tokens each block merges into others (`smalti.nn.merge`): the more, the faster, and the further
            from what was learned. `smalti.evaluate(path, data, merge=...)` measures both.
        patch_size: one of those that a FlexiViT was trained for: smaller is more exact, larger faster.

    Raises:
        InputError: the model is not for what is asked of it, or a picture to calibrate on cannot be read.
    """
    fit(precision, Precision | None, "precision")
    place = find_device(device or ("cpu" if int8 is not None else None))
    if patch_size is not None:
        file.module = at_patch_size(file.module, patch_size)
    file.module = merge_tokens(file.module, merge)
    if int8 is not None:
        if precision is not None:
            raise InputError("precision and int8 exclude each other", mend="give one of them")
        return in_int8(file, place, int8)
    module = for_inference(file.module.to(place), example_images(file.module.config)[0].to(place), precision)
    changed = merge or patch_size is not None  # then it is no longer the file's model, and is not known by its checksum
    about = {"views": file.views, "provenance": file.provenance, "checksum": "" if changed else file.checksum}
    return Model(module, file.task, file.labels, file.processor, **about)


def in_int8(file: ModelFile[Preprocess], place: torch.device, pictures: Any) -> Model:
    """The model of `file` in int8, calibrated on `pictures`, if it then still gives its answers to them."""
    about = {"views": file.views, "provenance": file.provenance}
    model = Model(file.module.to(place), file.task, file.labels, file.processor, **about)
    images = [model.picture(*one) for one in islice(as_pictures(pictures), CALIBRATION[1])]
    if len(images) < CALIBRATION[0]:
        raise InputError(
            f"int8 is calibrated on {CALIBRATION[0]} pictures or more, not {len(images)}",
            mend="name more pictures like those the model will see",
        )
    example = file.processor.normalize(torch.stack(images)).to(place)
    exact = model.outputs(example)
    model.module = for_inference(model.module, example, "int8")
    kept = max(0.0, AGREEMENTS[file.task](exact, model.outputs(example)))
    log.info("int8 keeps %.1f %% of the answers to %d pictures", 100 * kept, len(images))
    if kept < INT8_AGREEMENT:
        raise InputError(
            f"int8 keeps {kept:.1%} of the answers to {len(images)} pictures, fewer than {INT8_AGREEMENT:.0%}",
            mend="leave the precision to smalti, or calibrate on pictures like those the model was trained on",
        )
    return model


def readable(name: str, found: Tensor | SmaltiError) -> Tensor:
    """What was read. Raises InputError that names the picture, where it could not be."""
    if isinstance(found, SmaltiError):
        raise InputError(found.what, where=name, why=found.why, mend=found.mend) from found
    return found


def as_pictures(inputs: Any) -> Iterator[Picture]:
    """Whatever a person hands in, as named pictures. Raises InputError where it is none of the kinds of
    `Model.predict`."""
    if isinstance(inputs, str | os.PathLike):
        yield from find_pictures([inputs])
    elif isinstance(inputs, np.ndarray) and not (inputs.ndim and inputs.dtype.kind in "OU"):  # but of names
        yield "array", lambda: inputs
    elif hasattr(inputs, "convert"):  # a PIL image
        yield getattr(inputs, "filename", "") or "image", lambda: as_bytes(inputs)
    elif isinstance(inputs, bytes | io.IOBase | Tensor) or not isinstance(inputs, Iterable):
        raise InputError(
            f"a {type(inputs).__name__} where a picture is expected",
            mend="give a path, a PIL image or an array (H, W[, C])",
        )
    else:
        for number, one in enumerate(inputs):
            for name, read in as_pictures(one):
                yield (name if isinstance(one, str | os.PathLike) else f"{name} {number}"), read


CARRIED = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "LAB", "I", "I;16", "I;16B", "F"}  # by TIFF, as they are
KEYED = {"1", "L", "P", "RGB", "I;16"}  # by PNG, with the colour that is transparent in them
CONVERTING = threading.Lock()  # Pillow's images are not made for threads, and one may be handed in twice


def as_bytes(image: Any) -> bytes:
    """A PIL image as the bytes of a lossless file, so that it takes the way of every other picture. Raises InputError,
    or OSError, where its pixels, which Pillow loads only now, cannot be had."""
    try:
        with CONVERTING:
            image, buffer = ImageOps.exif_transpose(image), io.BytesIO()
            if "transparency" in image.info and image.mode in KEYED:
                image.save(buffer, "PNG", compress_level=1)
            else:
                image = image if image.mode in CARRIED else image.convert("RGB")
                image.save(buffer, "TIFF", compression="raw")  # else that of the file it came from, which may lose
    except (OSError, MemoryError):
        raise
    except Exception as error:  # as in `decode`: Pillow's readers let many kinds out
        mend = "hand it in while its file is open, or save it again from its original"
        raise InputError("the picture cannot be decoded", why=str(error), mend=mend) from error
    return buffer.getvalue()

"""A trained model asked about pictures: read, shown to the network, and its answers named."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smalti.data.decoding.depth import white_of
from smalti.data.handed_in import Picture, as_pictures
from smalti.data.preprocess import Preprocess
from smalti.data.source import Raw
from smalti.data.views import PLAIN, Views
from smalti.errors import InputError, SmaltiError
from smalti.nn.threads import Threads, free_threads

__all__ = ["Model", "Prediction"]

EMBEDDED = 32  # pictures at a time
MANY = 4  # batches after which it is worth a look how many threads are free
SLOW = 1e-3  # seconds of reading a picture from which on threads help: small ones are mostly Python
ANSWERS = {"classify": lambda logits: logits.softmax(-1), "multilabel": torch.sigmoid, "regress": lambda values: values}


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
        return list(self.stream(inputs, top=top, batch_size=batch_size))

    def stream(self, inputs: Any, *, top: int = 5, batch_size: int = 32) -> Iterator[Prediction]:
        """As `predict`, one by one as they are ready, for any number of pictures."""
        return self.answers(as_pictures(inputs), top=top, batch_size=batch_size)

    def answers(self, pictures: Iterable[Picture], *, top: int = 5, batch_size: int = 32) -> Iterator[Prediction]:
        """As `stream`, for pictures that have a name and a reader each."""
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


def readable(name: str, found: Tensor | SmaltiError) -> Tensor:
    """What was read. Raises InputError that names the picture, where it could not be."""
    if isinstance(found, SmaltiError):
        raise InputError(found.what, where=name, why=found.why, mend=found.mend) from found
    return found

"""A model's frozen features, measured on a data set: the nearest neighbours' vote and a linear layer."""

import io
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from smalti.data.batches import Batches
from smalti.data.cache import keep, recall
from smalti.data.pictures import Pictures
from smalti.data.source import Source, digest
from smalti.data.split import Split
from smalti.errors import InputError
from smalti.evaluate.classify import classification_metrics
from smalti.evaluate.groups import groups_at
from smalti.evaluate.metrics import Metric
from smalti.evaluate.multilabel import multilabel_metrics
from smalti.evaluate.outputs import sigmoid, softmax
from smalti.evaluate.probe import fit_linear, knn, pooled
from smalti.evaluate.regress import regression_metrics
from smalti.progress import progress
from smalti.ready import Model

__all__ = ["Probed", "probe_on"]

KEPT = 12  # entries of features in the cache: they are large


@dataclass(frozen=True)
class Probed:
    """What frozen features know.

    Args:
        n: test pictures.
        knn: figures of the vote of the k nearest training pictures, without a log loss; single-label only, else empty.
        linear: figures of a linear layer.
        strength: C of scikit-learn, the best on the validation pictures: the larger, the weaker its regularisation.
    """

    n: int
    knn: dict[str, Metric]
    linear: dict[str, Metric]
    strength: float

    @property
    def metrics(self) -> dict[str, Metric]:
        """All figures: "knn_accuracy", "linear_accuracy" and so on."""
        kinds = {"knn": self.knn, "linear": self.linear}
        return {f"{kind}_{name}": metric for kind, found in kinds.items() for name, metric in found.items()}


def probe_on(model: Model, source: Source, parts: Split, *, k: int = 20, show: bool = True) -> Probed:
    """Measures the features of `model` on a split of `source`: learned from train, chosen on val, judged on test.

    Raises:
        InputError: a part is empty, or all training pictures are of one class.
    """
    for name in ("train", "val", "test"):
        if not len(getattr(parts, name)):
            raise InputError(f'no picture is in the split "{name}"', where=source.name, mend="a probe needs all three")
    if source.task == "classify" and len(np.unique(source.targets[parts.train])) < 2:
        raise InputError("its training pictures are all of one class", where=source.name, mend="give two or more")
    x, y = {}, {}
    for name in ("train", "val", "test"):
        indices = getattr(parts, name)
        x[name], y[name] = features(model, source, indices, name, show=show), source.targets[indices]
    outputs = len(source.labels)
    linear = fit_linear(source.task, (x["train"], y["train"]), (x["val"], y["val"]), outputs)
    answers = x["test"] @ linear.weight.T + linear.bias
    groups = groups_at(source, parts.test)
    voted: dict[str, Metric] = {}
    if source.task == "classify":
        tensors = (torch.from_numpy(one) for one in (x["train"], y["train"].astype(np.int64), x["test"]))
        votes = knn(*tensors, k=k, num_classes=outputs)
        voted = classification_metrics(votes.double().numpy(), y["test"], source.labels, groups=groups)
        del voted["log_loss"]  # a class without a vote has no probability, and what stands for it would be all of it
    measure = {
        "classify": lambda: classification_metrics(softmax(answers), y["test"], source.labels, groups=groups),
        "multilabel": lambda: multilabel_metrics(sigmoid(answers), np.asarray(y["test"], bool), groups=groups),
        "regress": lambda: regression_metrics(answers, y["test"], groups=groups),
    }
    return Probed(len(y["test"]), voted, measure[source.task](), linear.strength)


def features(model: Model, source: Source, indices: NDArray[np.int64], part: str, *, show: bool) -> NDArray[np.float32]:
    """The features (N, D) of some pictures, from the cache where this model has seen them before."""
    key = cache_key(model, source, indices)
    if key and (found := recall("features", key)) is not None:
        return np.load(io.BytesIO(found), allow_pickle=False)
    device = next(model.module.parameters()).device
    pictures = Pictures(source, model.preprocess, progress=partial(progress, description="reading pictures", show=show))
    batches = Batches(pictures, indices, batch_size=128, device=device)
    with progress(len(indices), f"features of {part} pictures", show=show) as advance:
        made = pooled(model.module, (batch["image"] for batch in batches), advance=advance).numpy()
    if key:
        file = io.BytesIO()
        np.save(file, made, allow_pickle=False)
        keep("features", key, file.getvalue(), entries=KEPT)
    return made


def cache_key(model: Model, source: Source, indices: NDArray[np.int64]) -> str:
    """A digest of all that features depend on: the model file, its precision, its preprocessing, the data; "" for a
    model that is of no file."""
    if not model.checksum:
        return ""
    precision = str(getattr(model.module, "dtype", torch.float32))
    names = (source.names[int(i)] for i in indices)
    return digest((model.checksum, precision, str(model.preprocess.to_dict()), source.stored_here, *names))

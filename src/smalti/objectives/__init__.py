"""What a model is asked to get right: `objective(model, batch) -> loss, metrics`."""

from smalti.objectives.classify import Classify
from smalti.objectives.distill import Distill
from smalti.objectives.losses import binary_cross_entropy, binary_focal, cross_entropy, focal, one_vs_all, ordinal
from smalti.objectives.multilabel import Multilabel
from smalti.objectives.objective import Batch, Objective
from smalti.objectives.regress import Regress

__all__ = [
    "Batch",
    "Classify",
    "Distill",
    "Multilabel",
    "Objective",
    "Regress",
    "binary_cross_entropy",
    "binary_focal",
    "cross_entropy",
    "focal",
    "one_vs_all",
    "ordinal",
]

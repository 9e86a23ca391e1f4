"""What a model is asked to get right: `objective(model, batch) -> loss, metrics`."""

from smalti.objectives.classify import Classify
from smalti.objectives.distill import Distill
from smalti.objectives.losses import binary_cross_entropy, binary_focal, cross_entropy, focal, one_vs_all, ordinal
from smalti.objectives.masked_token import MaskedToken, hide
from smalti.objectives.multilabel import Multilabel
from smalti.objectives.next_token import CarriedNextToken, NextToken
from smalti.objectives.objective import Batch, Objective, shown
from smalti.objectives.regress import Regress
from smalti.objectives.seq2seq import TargetToken
from smalti.objectives.tokens import token_loss

__all__ = [
    "Batch",
    "CarriedNextToken",
    "Classify",
    "Distill",
    "MaskedToken",
    "Multilabel",
    "NextToken",
    "Objective",
    "Regress",
    "TargetToken",
    "binary_cross_entropy",
    "binary_focal",
    "cross_entropy",
    "focal",
    "hide",
    "one_vs_all",
    "ordinal",
    "shown",
    "token_loss",
]

"""The last layer of a model that knows something already: fitted to features that are computed once."""

import copy
import math
import time

import numpy as np
import torch

from smalti.data.batches import Batches
from smalti.data.split import Split, split
from smalti.errors import InputError
from smalti.evaluate.probe import STRENGTHS, fit_linear, pooled
from smalti.models.registry import example_images
from smalti.nn.inference import for_inference
from smalti.nn.precision import last_layers
from smalti.progress import TrainingBar, progress
from smalti.recipes.assemble import Run, class_weights, make_evaluator, read_pictures
from smalti.recipes.pace import fastest, reading_seconds
from smalti.recipes.reading import FEWEST
from smalti.recipes.recipe import Choice
from smalti.recipes.remarks import tell
from smalti.train.log import RunLog
from smalti.train.loop import judge
from smalti.train.state import TrainState

__all__ = ["fit_head"]

FITTING = 0.3  # share of the time that is kept for the fit itself
UNCHOSEN = 0.1  # the strength where no picture is left to choose by: those it learns from would take the weakest
IN_TURN = sorted(STRENGTHS, key=lambda one: round(abs(math.log10(one / UNCHOSEN))))  # where the time is not for all


def fit_head(run: Run, state: TrainState) -> None:
    """Fits the last layer to the features of the training pictures, of as many as the budget lets it look at; unless it
    is fitted already. One that is stopped begins anew."""
    if not state.step:
        with TrainingBar(1, show=run.show) as bar:
            teach(run, state, RunLog(run.folder, bar, batch_size=1))


def teach(run: Run, state: TrainState, log: RunLog) -> None:
    """The pictures there is time for, their features, the fit, its judgement."""
    began = time.monotonic()
    example = example_images(state.model.config)[0].to(state.device)
    trunk = for_inference(copy.deepcopy(state.model), example)
    parts, deadline = run.split, math.inf
    if run.config.seconds is not None:
        with torch.inference_mode():
            batch = example.expand(32, -1, -1, -1)
            pace = len(batch) / fastest(lambda: trunk(batch), state.device)
        reading = reading_seconds(run.source, parts.train, run.recipe.preprocess, run.pictures.workers)
        parts = affordable(run, run.config.seconds * (1 - FITTING) / (1 / pace + reading))
        deadline = began + run.config.seconds - len(parts.choosing) / pace  # which are judged after it
    train, val, task = parts.train, parts.choosing, run.source.task
    if task == "classify" and len(np.unique(run.source.targets[train])) < 2:
        mend = 'give two or more, or set transfer.tune to "all"'
        raise InputError("the pictures to fit a layer to are all of one class", where=run.source.name, mend=mend)

    read_pictures(run.pictures, parts)
    pictures, names = run.pictures, ("training", "validation")
    found = []
    for name, indices in zip(names, (train, val), strict=True):
        batches = Batches(pictures, indices, batch_size=128, device=state.device)
        with progress(len(indices), f"features of {name} pictures", show=run.show) as advance:
            features = pooled(trunk, (batch["image"] for batch in batches), advance=advance)
        found.append((features.numpy(), pictures.source.targets[indices]))
    strengths = IN_TURN if len(run.split.val) else (UNCHOSEN,)
    weights = class_weights(run.source, parts) if run.recipe.target.class_weights == "auto" else None
    outputs = len(run.source.labels)
    linear = fit_linear(task, *found, outputs=outputs, weights=weights, strengths=strengths, deadline=deadline)
    if linear.tried < len(strengths):
        why = f"the best of {linear.tried} of {len(strengths)}, from the middle on: the time was enough for no more"
        tell((Choice("regularisation", f"C = {linear.strength:g}", why),), run.show)
    with torch.no_grad():
        for layer in last_layers(state.model).values():
            layer.weight.copy_(torch.from_numpy(linear.weight))
            layer.bias.copy_(torch.from_numpy(linear.bias))
    state.averaged.load_state_dict(state.model.state_dict())  # of a single step the mean is that step
    state.step, state.seconds = 1, time.monotonic() - began
    judge(state, make_evaluator(run.recipe, pictures, parts, run.device), 0, log)
    state.seconds = time.monotonic() - began
    log.save(state)


def affordable(run: Run, pictures: float) -> Split:
    """What of the split so many `pictures` are enough for: a share of those that teach, drawn from all classes, and of
    those that choose, which the model looks at twice: for their features, and to be judged."""
    whole = run.split
    share = max(pictures / (len(whole.train) + 2 * len(whole.choosing)), FEWEST / len(whole.train))
    if share >= 1:
        return whole
    part = split(run.source, run.check.facts, seed=run.recipe.seed, fraction=share * run.recipe.fraction)
    why = "drawn evenly from the classes: the time is enough for no more"
    tell((Choice("pictures looked at", f"{len(part.train):,} of {len(whole.train):,}", why),), run.show)
    return part

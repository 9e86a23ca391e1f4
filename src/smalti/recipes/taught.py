"""A run that trains its own teacher first: a small CNN, which a student learns from as soon as it is trained (DeiT,
arXiv:2012.12877, found that convolutions teach a Transformer best).
"""

from collections.abc import Callable
from dataclasses import replace

from smalti.errors import Interrupted
from smalti.files import make_folder
from smalti.recipes.assemble import Run
from smalti.recipes.recipe import Choice, ModelConfig
from smalti.recipes.remarks import tell
from smalti.recipes.teacher import PRESET, TeacherConfig, small
from smalti.recipes.transfer import TransferConfig
from smalti.train.checkpoint import load_checkpoint
from smalti.train.optim import OptimConfig

__all__ = ["taught"]

OPTIM = OptimConfig("muon", lr=2e-3, ns_steps=3)  # as the rule has it for this CNN


def taught(run: Run, carry_out: Callable[[Run], object]) -> Run:
    """What is left to do of `run` for the student, once its teacher is trained.

    The teacher is a run of its own, in a folder inside that of `run`: the same recipe but for the model and its
    optimiser, so the same varied pictures, scaled down where they are large, for its share of the budget. It follows
    from the recipe alone, so an interrupted one goes on as any run does. It never sees test pictures: they are touched
    once, by the student.

    Args:
        run: the whole of it.
        carry_out: trains a run to its end.

    Raises:
        Interrupted: the teacher was told to stop; the mend goes on with the whole run.
    """
    recipe, config, folder = run.recipe, run.recipe.teacher, run.folder.teacher
    first, rest = recipe.budget.divided(config.budget_share)
    if not folder.result.exists():
        alone = replace(
            run,
            folder=folder,
            config=replace(run.config, report=False, seconds=part(run.config.seconds, config.budget_share)),
            recipe=replace(
                recipe,
                model=ModelConfig(PRESET),
                preprocess=small(recipe.preprocess),
                optim=OPTIM,
                budget=first,
                transfer=TransferConfig(),
                teacher=TeacherConfig(),
            ),
            split=replace(run.split, test=run.split.test[:0]),
        )
        make_folder(folder.checkpoints)
        try:
            carry_out(alone)
        except Interrupted as stop:
            mend = run.folder.resume_command
            raise Interrupted(f"the teacher {stop.what}", where=run.folder.path, mend=mend) from None
    step, last = load_checkpoint(folder.best)["step"], load_checkpoint(folder.last)
    right = next(row["val_accuracy"] for row in last["rows"] if row["step"] == step and "val_accuracy" in row)
    after = f"{last['counters']['step']:,} steps in {last['counters']['seconds']:.3g} seconds"
    found = Choice(
        "teacher's accuracy", f"{right:.1%}", f"on the pictures that chose it, after {after}; it saw no test pictures"
    )
    tell((found,), run.show)
    return replace(
        run,
        config=replace(run.config, seconds=part(run.config.seconds, 1 - config.budget_share)),
        recipe=replace(recipe, budget=rest, teacher=replace(config, model=str(folder.model))),
        choices=(*run.choices, found),
    )


def part(seconds: float | None, share: float) -> float | None:
    """A share of the clock, where the clock decides."""
    return None if seconds is None else seconds * share

"""How long a run may take: in minutes, epochs or steps."""

from dataclasses import dataclass

from smalti.errors import InputError

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """Exactly one of the three.

    Args:
        minutes: wall clock of the whole command, data check and final evaluation included.
        epochs: passes over the training pictures.
        steps: optimiser steps.
    """

    minutes: float | None = None
    epochs: int | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        given = {k: v for k, v in vars(self).items() if v is not None}
        if len(given) != 1:
            raise InputError(
                f"a budget is one of minutes, epochs and steps, not {' and '.join(given) or 'none'}",
                mend="give one of --minutes, --epochs, --steps",
            )
        ((unit, value),) = given.items()
        if not 0 < value < float("inf"):
            raise InputError(
                f"{unit} {value} is not a positive number", where=f"--{unit}", mend="give a number above 0"
            )

    def total_steps(self, steps_per_epoch: int) -> int | None:
        """Optimiser steps of the run; None where the clock decides."""
        return self.epochs * steps_per_epoch if self.epochs is not None else self.steps

    def divided(self, share: float) -> tuple["Budget", "Budget"]:
        """That share of the budget, in (0, 1), and the rest; epochs and steps stay whole. Raises InputError where a
        part would be nothing.
        """
        ((unit, value),) = ((k, v) for k, v in vars(self).items() if v is not None)
        first = value * share if unit == "minutes" else round(value * share)
        if not 0 < first < value:
            raise InputError(f"a budget of {self} cannot be shared at {share:g}", mend=f"give more {unit}")
        return Budget(**{unit: first}), Budget(**{unit: value - first})

    def __str__(self) -> str:
        return next(f"{value:g} {unit}" for unit, value in vars(self).items() if value is not None)

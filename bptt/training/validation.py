"""A run's history of validations, which decides on early stopping and the learning rate."""

from pydantic import Field

from ..settings import Settings
from ..strict import Strict


class ValidationHistory(Strict):
    """A run's history of validations, part of its checkpoints.

    `best_bits` is the lowest result in bits per character, None before the first validation.
    `bad_validations` counts validations since the best, `bad_since_reduction` those since the best
    or the last reduction of the learning rate, `reductions` these reductions. The checkpoint calls
    the counts `worse` and `waited`, as it always has.
    """

    best_bits: float | None = None
    best_iteration: int = Field(default=0, ge=0)
    bad_validations: int = Field(default=0, ge=0, alias="worse")
    bad_since_reduction: int = Field(default=0, ge=0, alias="waited")
    reductions: int = Field(default=0, ge=0)

    def after(self, bits: float, iteration: int, settings: Settings) -> "ValidationHistory":
        """Return the history after one more validation, of `bits` per character."""
        if self.best_bits is None or bits < self.best_bits:
            return ValidationHistory(
                best_bits=bits, best_iteration=iteration, reductions=self.reductions
            )
        reduced = (
            settings.schedule == "plateau" and self.bad_since_reduction >= settings.plateau_patience
        )
        return self.model_copy(
            update={
                "bad_validations": self.bad_validations + 1,
                "bad_since_reduction": 0 if reduced else self.bad_since_reduction + 1,
                "reductions": self.reductions + reduced,
            }
        )

    def is_best_of(self, iteration: int) -> bool:
        """Return whether the best validation was at this iteration."""
        return self.best_bits is not None and self.best_iteration == iteration

    def is_over(self, settings: Settings) -> bool:
        """Return whether to stop early: `patience` validations in a row without a new best."""
        return 0 < settings.patience <= self.bad_validations

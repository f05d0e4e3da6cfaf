"""A run's history of validations, which decides on early stopping and the learning rate."""

from pydantic import Field

from ..settings import Settings, Strict


class Progress(Strict):
    """A run's history of validations, part of its checkpoints.

    `best_bits` is the lowest result in bits per character, None before the first validation.
    `worse` counts validations since the best, `waited` those since the best or the last reduction
    of the learning rate, `reductions` these reductions.
    """

    best_bits: float | None = None
    best_iteration: int = Field(default=0, ge=0)
    worse: int = Field(default=0, ge=0)
    waited: int = Field(default=0, ge=0)
    reductions: int = Field(default=0, ge=0)

    def after(self, bits: float, iteration: int, settings: Settings) -> "Progress":
        """Return the history after one more validation, of `bits` per character."""
        if self.best_bits is None or bits < self.best_bits:
            return Progress(best_bits=bits, best_iteration=iteration, reductions=self.reductions)
        reduced = settings.schedule == "plateau" and self.waited >= settings.plateau_patience
        return self.model_copy(
            update={
                "worse": self.worse + 1,
                "waited": 0 if reduced else self.waited + 1,
                "reductions": self.reductions + reduced,
            }
        )

    def is_best_of(self, iteration: int) -> bool:
        """Return whether the best validation was at this iteration."""
        return self.best_bits is not None and self.best_iteration == iteration

    def is_over(self, settings: Settings) -> bool:
        """Return whether to stop early: `patience` validations in a row without a new best."""
        return 0 < settings.patience <= self.worse

"""What validation has said of a run so far, and what follows from it."""

from pydantic import Field

from ..settings import Settings
from ..strict import Strict


class Progress(Strict):
    """Part of a checkpoint: a resumed run goes on from these numbers.

    `best_bits` is in bits per character, and None before the first validation. `worse` counts the
    validations since the best, `waited` those since the best or the last reduction of the rate.
    """

    best_bits: float | None = None
    best_iteration: int = Field(default=0, ge=0)
    worse: int = Field(default=0, ge=0)
    waited: int = Field(default=0, ge=0)
    reductions: int = Field(default=0, ge=0)

    def after(self, bits: float, iteration: int, settings: Settings) -> "Progress":
        """Return what it is after one more validation."""
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
        return self.best_bits is not None and self.best_iteration == iteration

    def is_over(self, settings: Settings) -> bool:
        """Whether to stop early: too many validations in a row without a new best."""
        return 0 < settings.patience <= self.worse

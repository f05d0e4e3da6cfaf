"""Evidence for a pattern: one parameter at one case where its gradient is wrong.

An error has a pattern if a prediction explains the computed gradient in several different cases,
and none of them trivially (a single number is always some multiple of another).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..case_result import Finding
from ..evaluated_problem import Arrays, EvaluatedProblem

ENOUGH = 3  # cases
NEARER = 1e-5  # permitted error of a prediction, relative to the largest error of the gradient
BY_CHANCE = 1e-3


@dataclass(frozen=True)
class Evidence:
    """The computed and the expected gradient of the parameter `name` at one case.

    `findings` are those of all parameters at the case. `again` makes the problem anew, and
    `find_contributions` computes the expected contribution of each time step (None if it can't).
    """

    name: str
    findings: Mapping[str, Finding]
    sizes: Mapping[str, int]
    again: Callable[[], EvaluatedProblem]
    find_contributions: Callable[[], list[Arrays] | None] = lambda: None

    @cached_property
    def computed(self) -> np.ndarray:
        return self.computed_of(self.name)

    @cached_property
    def expected(self) -> np.ndarray:
        return self.expected_of(self.name)

    @cached_property
    def allowed(self) -> np.ndarray:
        """The permitted error of each entry; infinite where the loss has a kink."""
        allowed = self.findings[self.name].allowed
        return np.zeros(self.computed.shape) if allowed is None else allowed

    @cached_property
    def value(self) -> np.ndarray:
        return self.again().point[self.name]

    @cached_property
    def contributions(self) -> list[Arrays] | None:
        return self.find_contributions()

    @property
    def off(self) -> np.ndarray:
        return self.computed - self.expected

    @property
    def wrong(self) -> np.ndarray:
        return np.asarray(~(np.abs(self.off) <= self.allowed))

    @property
    def others(self) -> list[str]:
        """The other parameters that were compared entry by entry."""
        return [
            name
            for name, found in self.findings.items()
            if name != self.name and found.computed is not None and found.expected is not None
        ]

    def computed_of(self, name: str) -> np.ndarray:
        found = self.findings[name].computed
        if found is None:
            raise ValueError(f"{name} was compared by projections only")
        return found

    def expected_of(self, name: str) -> np.ndarray:
        found = self.findings[name].expected
        if found is None:
            raise ValueError(f"{name} was compared by projections only")
        return found

    def explained_by(self, prediction: np.ndarray) -> bool:
        """Whether a prediction equals the computed gradient up to rounding.

        It must also be ten times nearer to it than the expected gradient. Entries at kinks don't
        count.
        """
        if prediction.shape != self.computed.shape or not np.isfinite(prediction).all():
            return False
        smooth = np.isfinite(self.allowed)
        off = float(np.abs(self.off[smooth]).max(initial=0.0))
        left = np.abs(self.computed - prediction)[smooth]
        near = np.maximum(self.allowed[smooth], NEARER * off)
        return off > 0.0 and bool((left <= np.minimum(near, 0.1 * off)).all())


Hypothesis = Callable[[Sequence[Evidence]], str | None]


def distinct(evidence: Sequence[Evidence]) -> int:
    """Count the different cases; a problem that ignores its rng repeats the same one."""
    return len({(one.computed.tobytes(), one.expected.tobytes()) for one in evidence})


def all_fit(answers: Iterable[bool | None]) -> bool:
    """Whether no answer is False and enough are True; None stands for no evidence."""
    seen = list(answers)
    return False not in seen and seen.count(True) >= ENOUGH

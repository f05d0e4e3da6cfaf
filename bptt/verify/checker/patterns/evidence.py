"""One parameter at one case where it is wrong, and whether a prediction explains what was computed.

An error has a pattern if a prediction explains it in several cases that differ, and none of these
is explained trivially: one number is some factor of any other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..outcome import Finding
from ..subject import Arrays, Subject

ENOUGH = 3  # cases
NEARER = 1e-5  # of the largest error: what a prediction may leave where rounding leaves less
BY_CHANCE = 1e-3


@dataclass(frozen=True)
class Evidence:
    """What is known of the parameter `name` at a case.

    `findings` are those of all parameters there, `again` makes the problem anew, and
    `find_contributions` computes each time step's part of the true gradient, if that can be had.
    """

    name: str
    findings: Mapping[str, Finding]
    sizes: Mapping[str, int]
    again: Callable[[], Subject]
    find_contributions: Callable[[], list[Arrays] | None] = lambda: None

    @cached_property
    def computed(self) -> np.ndarray:
        return self.computed_of(self.name)

    @cached_property
    def expected(self) -> np.ndarray:
        return self.expected_of(self.name)

    @cached_property
    def allowed(self) -> np.ndarray:
        """How far each entry may be off; infinite where the loss has a kink."""
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
            if name != self.name and found.mine is not None and found.true is not None
        ]

    def computed_of(self, name: str) -> np.ndarray:
        found = self.findings[name].mine
        if found is None:
            raise ValueError(f"{name} was compared by projections only")
        return found

    def expected_of(self, name: str) -> np.ndarray:
        found = self.findings[name].true
        if found is None:
            raise ValueError(f"{name} was compared by projections only")
        return found

    def explained_by(self, prediction: np.ndarray) -> bool:
        """Whether a prediction is as near as rounding allows, and ten times nearer than the truth.

        Entries at kinks don't count.
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
    """Count the cases that differ; a problem that ignores its rng gives the same one again."""
    return len({(one.computed.tobytes(), one.expected.tobytes()) for one in evidence})


def all_fit(answers: Iterable[bool | None]) -> bool:
    """Whether no case contradicts and enough confirm; None is a case that can't tell."""
    seen = list(answers)
    return False not in seen and seen.count(True) >= ENOUGH

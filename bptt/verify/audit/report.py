"""The result of an audit: what was seen of each planted error, in numbers, words and JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .thresholds import LARGEST, Threshold

SEEN, MISSED, NO_EFFECT, NOT_TRIED = "seen", "passes", "no effect", "not tried"
MOST_ERRORS = 4  # named in the summary


@dataclass(frozen=True)
class Trial:
    """A gross error and whether a test failed on it; `by` names that test, `said` its message.

    "no effect": it can't be planted into this gradient, or would change nothing; `said` has the
    reason if there was an exception.
    """

    verdict: str
    by: str = ""
    said: str = ""


@dataclass
class GradientAudit:
    """What the tests see in one gradient; a threshold is None until it was looked for."""

    name: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    trials: dict[str, Trial] = field(default_factory=dict)
    factor: Threshold | None = None
    noise: Threshold | None = None

    @property
    def missed(self) -> list[str]:
        """The gross errors that pass the tests."""
        return [error for error, trial in self.trials.items() if trial.verdict == MISSED]

    @property
    def is_zero(self) -> bool:
        """Whether the gradient is zero wherever the tests compute it."""
        return "zeros" in self.trials and self.trials["zeros"].verdict == NO_EFFECT

    @property
    def is_complete(self) -> bool:
        untried = any(trial.verdict == NOT_TRIED for trial in self.trials.values())
        return not untried and self.factor is not None


@dataclass
class FunctionAudit:
    """A backward pass: its gradients, and the tests that run it."""

    name: str
    tests: list[str]
    calls: int
    gradients: list[GradientAudit] = field(default_factory=list)


@dataclass
class AuditReport:
    """The whole audit. `required` is how far from 1 a factor must be seen."""

    target: str
    functions: list[FunctionAudit]
    required: float
    skipped: tuple[str, ...] = ()
    is_repeatable: bool = True
    runs: int = 0
    seconds: float = 0.0

    @property
    def gradients(self) -> Iterator[tuple[str, GradientAudit]]:
        """Each gradient with a name that says which one it is among all."""
        for function in self.functions:
            for gradient in function.gradients:
                many = len(self.functions) > 1
                yield f"{function.name}.{gradient.name}" if many else gradient.name, gradient

    @property
    def worst_factor(self) -> float | None:
        """The smallest |factor - 1| that is seen in every gradient; None if there is none."""
        seen = [one.factor.seen for _, one in self.gradients if one.factor is not None]
        sizes = [size for size in seen if size is not None]
        return max(sizes) if sizes and len(sizes) == len(seen) else None

    @property
    def largest_missed(self) -> float | None:
        """The largest |factor - 1| that passed in some gradient; None if none did."""
        missed = [one.factor.missed for _, one in self.gradients if one.factor is not None]
        return max((size for size in missed if size is not None), default=None)

    @property
    def exit_status(self) -> int:
        """0 if all gross errors are seen and the factor, 1 if not, 2 if not all was tried."""
        for _, one in self.gradients:
            too_large = one.factor is not None and not one.factor.is_at_most(self.required)
            if one.missed or too_large:
                return 1
        return 0 if all(one.is_complete for _, one in self.gradients) else 2

    @property
    def summary(self) -> str:
        """One sentence."""
        several = len({test for function in self.functions for test in function.tests}) > 1
        who, end = ("Your tests", "") if several else ("Your test", "s")
        passes = self._passing_errors()
        if not all(one.is_complete for _, one in self.gradients):
            start = f"{who} pass{end and 'es'} {passes}" if passes else f"{who} see{end} the errors"
            return f"{start}; the budget ended before all were tried."
        factor, it = self.worst_factor, "they" if several else "it"
        if passes:
            sentence = f"{who} pass{end and 'es'} {passes}; {it}"
        elif factor is None or factor > self.required:
            sentence = f"{who} see{end} all gross errors, but"
        else:
            return f"{who} see{end} every planted error, and a factor from {shown(factor)} upward."
        if factor is None:
            blind = [name for name, one in self.gradients if one.factor and one.factor.seen is None]
            return f"{sentence} can't see a factor of {1 + LARGEST:g} in {', '.join(blind)}."
        if self.largest_missed is None:
            return f"{sentence} see{end} a factor from {shown(factor)} upward."
        return f"{sentence} can't see a factor below {shown(self.largest_missed)}."

    def _passing_errors(self) -> str:
        """Say which gross errors pass, and in which gradients."""
        places: dict[str, list[str]] = {}
        for name, gradient in self.gradients:
            for error in gradient.missed:
                places.setdefault(error, []).append(name)
        by_places: dict[str, list[str]] = {}
        everywhere = [name for name, _ in self.gradients if name != "all"]
        for error, names in places.items():
            where = "" if set(everywhere) <= set(names) else f" in {_few(names)}"
            by_places.setdefault(where, []).append(error)
        return " and ".join(f"{_few(errors)}{where}" for where, errors in by_places.items())

    def to_dict(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "summary": self.summary,
            "exit_status": self.exit_status,
            "required_factor": 1.0 + self.required,
            "smallest_factor_seen_in_every_gradient": None
            if self.worst_factor is None
            else 1.0 + self.worst_factor,
            "largest_factor_that_passed": None
            if self.largest_missed is None
            else 1.0 + self.largest_missed,
            "runs": self.runs,
            "seconds": self.seconds,
            "gradients_had_the_same_bits_in_each_run": self.is_repeatable,
            "skipped_tests": list(self.skipped),
            "backward_passes": [asdict(function) for function in self.functions],
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"


def shown(size: float) -> str:
    """Write the factor 1 + size so that its difference from 1 can be read."""
    return f"{1.0 + size:.4g}" if size >= 0.01 else f"1 + {size:.1e}"


def _few(words: list[str]) -> str:
    if len(words) > MOST_ERRORS:
        words = [*words[:MOST_ERRORS], f"{len(words) - MOST_ERRORS} more"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

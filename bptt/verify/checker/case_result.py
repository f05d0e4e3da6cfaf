"""The result of checking one case, parameter by parameter."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from .calls import BROKEN as BROKEN
from .calls import CRASHED as CRASHED
from .calls import HUNG as HUNG
from .calls import MISSHAPEN as MISSHAPEN
from .calls import NOT_FINITE as NOT_FINITE
from .problem import Case

RIGHT, WRONG, KINK, ROUNDING = "right", "wrong", "kink", "rounding"
NONDETERMINISTIC, MUTATES = "nondeterministic", "mutates its input"
UNDECIDABLE = "undecidable"
SKIPPED, OUT_OF_TIME = "skipped", "out of time"
FAILURES = (WRONG, MUTATES, NONDETERMINISTIC, MISSHAPEN)
COULD_NOT_RUN = (CRASHED, HUNG, BROKEN)
MOST_DIGITS = {"float64": 16.0, "float32": 7.3}


def distance(computed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the absolute difference of each entry; infinite where one is NaN."""
    off = np.abs(computed - expected)
    return np.where(np.isnan(off), np.inf, off)


@dataclass(frozen=True)
class Finding:
    """The result for one parameter at one case.

    `computed` is the gradient by the user's code, `expected` that by the oracle; both are None if
    only projections were compared. If these found a wrong entry, `entry` holds its index, its
    computed and its expected value. `digits` is the number of decimal digits of the worst entry
    that are known to be right, relative to `size`: the largest expected entry of the parameter, or
    of the whole gradient if that can't be distinguished from 0. `limit` names the oracle, if its
    own error limits the digits. `allowed` is the permitted error of each entry, `errors` the
    estimated error of the oracle.
    """

    name: str
    verdict: str
    digits: float
    why: str = ""
    computed: np.ndarray | None = None
    expected: np.ndarray | None = None
    allowed: np.ndarray | None = None
    errors: np.ndarray | None = None
    size: float = 0.0
    limit: str = ""
    entry: tuple[tuple[int, ...], float, float] | None = None

    @property
    def entry_digits(self) -> np.ndarray:
        """The known right digits of each entry, not limited to the precision of the dtype."""
        if self.computed is None or self.expected is None:
            raise ValueError(f"{self.name} was compared by projections only")
        off = distance(self.computed, self.expected)
        off = off + (0.0 if self.errors is None else self.errors)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(off == 0.0, np.inf, np.maximum(-np.log10(off / self.size), 0.0))

    @property
    def is_wrong(self) -> np.ndarray:
        """Which entries are off by more than allowed."""
        if self.computed is None or self.expected is None or self.allowed is None:
            raise ValueError(f"{self.name} was compared by projections only")
        beyond = ~(distance(self.computed, self.expected) <= self.allowed)
        return beyond & (self.verdict == WRONG)

    @property
    def worst(self) -> tuple[int, ...]:
        """The index of the entry with the largest error beyond the allowed one."""
        if self.entry is not None:
            return self.entry[0]
        if self.computed is None or self.expected is None or self.allowed is None:
            raise ValueError(f"{self.name} was compared by projections only")
        off = distance(self.computed, self.expected)
        excess = np.where(off > self.allowed, off, off * 1e-30)
        place = np.unravel_index(int(np.argmax(excess)), off.shape)
        return tuple(int(i) for i in place)

    @property
    def worst_values(self) -> tuple[float, float]:
        """The computed and the expected value of the worst entry."""
        if self.entry is not None:
            return self.entry[1:]
        if self.computed is None or self.expected is None:
            raise ValueError(f"{self.name} was compared by projections only")
        return float(self.computed[self.worst]), float(self.expected[self.worst])

    @property
    def relative_error(self) -> float:
        computed, expected = self.worst_values
        return abs(computed - expected) / abs(expected) if expected else float("inf")


@dataclass(frozen=True)
class CaseResult:
    """The result of one case: its verdict, the oracle, and a finding for each parameter.

    `message` explains the verdict; `detail` is the user's traceback, if the code crashed.
    `rejected` are the reasons why better oracles were rejected. `dtype` is that of the
    parameters, `arithmetic` the lowest precision found inside the code. `entries` is the number of
    entries of all parameters. `unused` are the parameters of a wrong case on which the loss does
    not depend, `custom_functions` the custom autograd Functions in the loss, which autograd can't
    check.
    """

    case: Case
    verdict: str
    target: str = ""
    oracle: str = ""
    dtype: str = ""
    findings: dict[str, Finding] = field(default_factory=dict)
    message: str = ""
    detail: str = ""
    rejected: tuple[str, ...] = ()
    entries: int = 0
    custom_functions: tuple[str, ...] = ()
    arithmetic: str = ""
    unused: tuple[str, ...] = ()

    @property
    def is_single_inside(self) -> bool:
        """Whether the code computes in float32 although its parameters are float64."""
        return self.dtype == "float64" and self.arithmetic == "float32"

    def named(self, verdict: str) -> list[str]:
        """List the parameters that got this verdict."""
        return [name for name, found in self.findings.items() if found.verdict == verdict]

    def __str__(self) -> str:
        lines = [f"{self.verdict} at {self.case}"]
        if self.oracle:
            lines[0] += f" (by {self.oracle}, {self.dtype})"
        if self.message:
            lines.append(f"  {self.message}")
        for name, found in self.findings.items():
            if found.verdict == RIGHT:
                lines.append(f"  {name}: {RIGHT}, {in_digits(found.digits, found.limit)}")
                continue
            if (found.computed is None and found.entry is None) or found.verdict == ROUNDING:
                lines.append(f"  {name}: {found.verdict}")
                continue
            computed, expected = found.worst_values
            place = ", ".join(map(str, found.worst))
            lines.append(
                f"  {name}[{place}]: {found.verdict}, computed {computed:.17g}, "
                f"expected {expected:.17g}"
            )
        return "\n".join(lines)


def digits(off: float, size: float, dtype: str) -> float:
    """Return the number of correct decimal digits for an error `off`, relative to `size`."""
    most = MOST_DIGITS[dtype]
    if off == 0.0:
        return most
    if not np.isfinite(off) or size == 0.0:
        return 0.0
    return float(np.clip(-np.log10(off / size), 0.0, most))


def in_digits(known: float, limit: str) -> str:
    """Describe a number of right digits, and the oracle that limits it, if one does."""
    if limit:
        return f"at least {known:.1f} digits, the limit of {limit}"
    return f"{known:.1f} digits"


def worst_of(verdicts: Iterable[str]) -> str:
    """Return the verdict on a case, given those on its parameters."""
    found = set(verdicts)
    order = (*FAILURES, UNDECIDABLE, KINK, ROUNDING)
    return next((verdict for verdict in order if verdict in found), RIGHT)

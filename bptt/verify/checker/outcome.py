"""What checking one case came to."""

from dataclasses import dataclass, field

import numpy as np

from .calls import BROKEN as BROKEN
from .calls import CRASHED as CRASHED
from .calls import HUNG as HUNG
from .calls import NOT_FINITE as NOT_FINITE
from .problem import Case

RIGHT, WRONG, KINK, ROUNDING = "right", "wrong", "kink", "rounding"
NONDETERMINISTIC, MUTATES = "nondeterministic", "mutates its input"
UNDECIDABLE = "undecidable"
SKIPPED, OUT_OF_TIME = "skipped", "out of time"
FAILURES = (WRONG, MUTATES, NONDETERMINISTIC)
COULD_NOT_RUN = (CRASHED, HUNG, BROKEN)
MOST_DIGITS = {"float64": 16.0, "float32": 7.3}


def distance(mine: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return each entry's difference; infinite where one of them is no number."""
    off = np.abs(mine - true)
    return np.where(np.isnan(off), np.inf, off)


@dataclass(frozen=True)
class Finding:
    """One parameter at one case.

    `digits` are those of the worst entry, against the largest true entry of the parameter. Where
    only projections were compared, `mine` and `true` are None; where they led to a wrong entry,
    `entry` has its place, mine and the true value.
    """

    name: str
    verdict: str
    digits: float
    why: str = ""
    mine: np.ndarray | None = None
    true: np.ndarray | None = None
    allowed: np.ndarray | None = None
    entry: tuple[tuple[int, ...], float, float] | None = None

    @property
    def worst(self) -> tuple[int, ...]:
        """The entry that is furthest beyond what it is allowed to be off."""
        if self.entry is not None:
            return self.entry[0]
        if self.mine is None or self.true is None or self.allowed is None:
            raise ValueError(f"{self.name} was compared by projections only")
        off = distance(self.mine, self.true)
        excess = np.where(off > self.allowed, off, off * 1e-30)
        place = np.unravel_index(int(np.argmax(excess)), off.shape)
        return tuple(int(i) for i in place)

    @property
    def worst_values(self) -> tuple[float, float]:
        """Mine and the true value at the worst entry."""
        if self.entry is not None:
            return self.entry[1:]
        if self.mine is None or self.true is None:
            raise ValueError(f"{self.name} was compared by projections only")
        return float(self.mine[self.worst]), float(self.true[self.worst])

    @property
    def relative_error(self) -> float:
        mine, true = self.worst_values
        return abs(mine - true) / abs(true) if true else float("inf")


@dataclass(frozen=True)
class Outcome:
    """One case: its verdict, by which oracle, and what was found in each parameter.

    `dtype` is that of the parameters, `arithmetic` the coarsest that was seen inside the code.
    `unmoved` are the parameters of a wrong case that the loss doesn't change with.
    """

    case: Case
    verdict: str
    target: str = ""
    oracle: str = ""
    dtype: str = ""
    findings: dict[str, Finding] = field(default_factory=dict)
    message: str = ""
    detail: str = ""
    passed_over: tuple[str, ...] = ()
    entries: int = 0
    arithmetic: str = ""
    unmoved: tuple[str, ...] = ()

    @property
    def is_single_inside(self) -> bool:
        """Whether the code computes in float32 although it is given float64."""
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
            if (found.mine is None and found.entry is None) or found.verdict in (RIGHT, ROUNDING):
                lines.append(f"  {name}: {found.verdict}, {found.digits:.1f} digits")
                continue
            mine, true = found.worst_values
            place = ", ".join(map(str, found.worst))
            lines.append(f"  {name}[{place}]: {found.verdict}, mine {mine:.17g}, true {true:.17g}")
        return "\n".join(lines)


def digits(off: float, size: float, dtype: str) -> float:
    """Return the correct decimal digits of something that is off by so much of its size."""
    most = MOST_DIGITS[dtype]
    if off == 0.0:
        return most
    if not np.isfinite(off) or size == 0.0:
        return 0.0
    return float(np.clip(-np.log10(off / size), 0.0, most))

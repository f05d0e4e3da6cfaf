"""What is proved of one hand-written gradient, at one point."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..checker.problem import Case

RIGHT, WRONG, INACCURATE = "proved right", "proved wrong", "proved inaccurate"
UNDECIDED = "undecided"
STATUS = {RIGHT: 0, WRONG: 1, INACCURATE: 1, UNDECIDED: 2}


@dataclass(frozen=True)
class Entry:
    """One entry: what is computed, and the exact number to 17 digits.

    `error` is a proved lower bound, relative to the largest entry of the parameter.
    """

    name: str
    place: tuple[int, ...]
    computed: float
    expected: str
    error: float

    def __str__(self) -> str:
        return f"{self.name}[{','.join(map(str, self.place))}]" if self.place else self.name


@dataclass(frozen=True)
class ParameterCertificate:
    """The proved digits of one parameter's gradient.

    `formula` and `computed` are the digits of its worst entry, relative to its largest one: of the
    code without rounding (None if it can't run on balls), and of its floating-point result. `own`
    is the median of the computed entries' digits, each relative to itself (NaN if all are 0).
    """

    name: str
    shape: tuple[int, ...]
    formula: float | None
    computed: float
    own: float


@dataclass(frozen=True)
class GradientCertificate:
    """What is proved of one hand-written gradient, at one point.

    `verdict` is "proved right", "proved wrong" (the formula is), "proved inaccurate" (the formula
    is right, its floating-point result isn't) or "undecided". `loss` is the enclosed loss as text,
    `radius` the largest of an entry's enclosure, `bits` the precision. `tolerances` are those of
    the formula and of the result, relative to the largest entry of each parameter. `wrong` are the
    entries that are proved to be further off, largest error first, `notes` what limits the proof.
    """

    target: str
    case: Case
    dtype: str
    verdict: str
    loss: str
    radius: float
    bits: int
    seconds: float
    tolerances: tuple[float, float]
    parameters: tuple[ParameterCertificate, ...]
    wrong: tuple[Entry, ...]
    notes: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        """0 if it is proved right, 1 if wrong or inaccurate, 2 if undecided."""
        return STATUS[self.verdict]

    @property
    def digits(self) -> float:
        """The right digits of the worst of all entries, as computed."""
        return min((parameter.computed for parameter in self.parameters), default=math.inf)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON can hold it: None for numbers that aren't finite."""
        return _finite(asdict(self))

    def __str__(self) -> str:
        text = f"{self.target} at {self.case}: {self.verdict}, {self.digits:.1f} digits"
        return "\n".join([text, *self.notes])


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""The result of a check other than of the values: of layouts, contract, precision, repetition."""

from dataclasses import dataclass

from .case_result import Finding

PASSED, FAILED, REFUSED = "passed", "failed", "refused"
ILL_CONDITIONED = "ill-conditioned"
RANK = {PASSED: 0, ILL_CONDITIONED: 1, REFUSED: 2, FAILED: 3}


@dataclass(frozen=True)
class Curve:
    """Positive numbers against positive numbers, to be drawn on logarithmic scales."""

    title: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class CheckResult:
    """The name and verdict of one check; if it failed, `message` has the sizes and the difference.

    `detail` is the traceback if the process died. `picture` is what the page draws: the arrays that
    differ, or a curve.

    A check is refused if the function raises an error, and ill-conditioned if rounding alone can
    change the result so much that it says nothing: both are neither passed nor failed.
    """

    name: str
    verdict: str
    message: str = ""
    detail: str = ""
    picture: Finding | Curve | None = None

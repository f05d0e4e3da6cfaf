"""The result of a check other than of the values: of layouts, contract, precision, repetition."""

from dataclasses import dataclass

PASSED, FAILED, REFUSED = "passed", "failed", "refused"
RANK = {PASSED: 0, REFUSED: 1, FAILED: 2}


@dataclass(frozen=True)
class CheckResult:
    """The name and verdict of one check; if it failed, `message` has the sizes and the difference.

    A check is refused if the function raises an error: it is neither passed nor failed.
    """

    name: str
    verdict: str
    message: str = ""

"""The result of one check beside the values: of a layout, a contract, a precision, a repetition."""

from dataclasses import dataclass

PASSED, FAILED, REFUSED = "passed", "failed", "refused"
RANK = {PASSED: 0, REFUSED: 1, FAILED: 2}


@dataclass(frozen=True)
class CheckResult:
    """One check: its name, its verdict, and where it failed the sizes and the difference.

    What is refused with an error is neither right nor wrong.
    """

    name: str
    verdict: str
    message: str = ""

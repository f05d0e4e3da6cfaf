"""The report of a verification as data: cases, oracles, verdicts and the diagnosis."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import case_result
from ..case_result import CaseResult
from ..check_result import FAILED, CheckResult
from ..settings import Settings
from .coverage import coverage, number_of_cases, ranges
from .diagnosis import Diagnosis, Suspect
from .snippet import snippet

FLOAT32_NOTE = (
    "float32 shows about 7 digits: an error below {:.0e} of a parameter's largest entry would pass."
)
OWN_BACKWARDS_NOTE = (
    "The loss has its own backward pass ({}), which autograd calls, so it may have been compared "
    "with itself. Therefore the digits are those that central differences confirm."
)


@dataclass(frozen=True)
class Report:
    """The report of verifying one gradient.

    `verdict` is the verdict on the values over all cases, whose results are in `results`.
    `smallest` is the smallest failing case, None if none fails, and `diagnosis` describes a wrong
    gradient. `seconds` is the duration. `skipped` are the cases for which the problem raised Skip;
    `left_out` lists what else was not checked, and why. `checks` are the other checks, of a
    function with its own backward pass. `to_json()` has everything.

        report = verify(problem)
        if report.exit_status != 0:
            print(report.summary, report.snippet)
    """

    target: str
    verdict: str
    results: tuple[CaseResult, ...]
    smallest: CaseResult | None
    diagnosis: Diagnosis | None
    seconds: float
    skipped: tuple[CaseResult, ...] = ()
    left_out: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    checks: tuple[CheckResult, ...] = ()

    @property
    def failed_checks(self) -> list[CheckResult]:
        return [check for check in self.checks if check.verdict == FAILED]

    @property
    def exit_status(self) -> int:
        """0: all right; 1: something is wrong; 2: undecided, or it couldn't be run everywhere."""
        if self.verdict in case_result.FAILURES or self.failed_checks:
            return 1
        return (
            2
            if self.verdict
            in (case_result.UNDECIDABLE, *case_result.COULD_NOT_RUN, case_result.NOT_FINITE)
            else 0
        )

    @property
    def headline(self) -> str:
        """The verdict, and the number of undecidable cases."""
        if self.failed_checks and self.verdict not in case_result.FAILURES:
            return f"{case_result.WRONG}: {', '.join(check.name for check in self.failed_checks)}"
        undecidable = self.tally("verdict").get(case_result.UNDECIDABLE, 0)
        if self.verdict == case_result.UNDECIDABLE or not undecidable:
            return self.verdict
        cases = number_of_cases(len(self.results))
        return f"{self.verdict}; {case_result.UNDECIDABLE} in {undecidable} of {cases}"

    @property
    def searched(self) -> str:
        """The values of each size that were checked, such as "T 1..6, 20, 40; H 1..5, 17"."""
        run = [
            out
            for out in self.results
            if out.verdict not in (*case_result.COULD_NOT_RUN, case_result.NOT_FINITE)
        ]
        return ranges([result.case.sizes for result in run])

    @property
    def coverage(self) -> list[str]:
        """Sentences on what was searched, skipped and left out."""
        return coverage(self.searched, self.skipped, self.left_out)

    @property
    def summary(self) -> str:
        """The report in one line."""
        said = [f"{number_of_cases(len(self.results))} in {self.seconds:.1f} s"]
        if self.diagnosis is not None:
            wrong = sum(result.verdict == case_result.WRONG for result in self.results)
            said = [*self.diagnosis.names, f"{wrong} of {said[0]}"]
        elif self.digits and self.exit_status == 0:
            worst = min(worst for worst, _ in self.digits.values())
            said.insert(0, f"{worst:.1f} right digits in the worst case")
        return f"{self.target}: {self.headline} ({', '.join(said)})"

    def tally(self, what: str) -> dict[str, int]:
        """Count the cases by "verdict", "oracle" or "dtype"."""
        counts = Counter(getattr(result, what) for result in self.results)
        return {name: number for name, number in counts.most_common() if name}

    @property
    def digits(self) -> dict[str, tuple[float, float]]:
        """The right digits of each parameter: those of the worst case, and the median."""
        found: dict[str, list[float]] = {}
        for result in self.results:
            for name, finding in result.findings.items():
                if finding.verdict in (case_result.RIGHT, case_result.WRONG):
                    found.setdefault(name, []).append(finding.digits)
        return {name: (min(all_), float(np.median(all_))) for name, all_ in found.items()}

    @property
    def limits(self) -> dict[str, str]:
        """The oracles whose own errors limit the digits of the worst case, by parameter."""
        found = {}
        for name, (worst, _) in self.digits.items():
            findings = [result.findings.get(name) for result in self.results]
            found[name] = next(
                (one.limit for one in findings if one and one.limit and one.digits <= worst), ""
            )
        return {name: limit for name, limit in found.items() if limit}

    @property
    def shown(self) -> CaseResult | None:
        """The case to draw: that of the diagnosis, or the largest one compared entry by entry."""
        if self.diagnosis is not None:
            return self.diagnosis.shown
        whole = [
            result
            for result in self.results
            if result.findings
            and all(finding.computed is not None for finding in result.findings.values())
        ]
        return max(whole, key=lambda result: result.entries, default=None)

    @property
    def troubles(self) -> dict[tuple[str, str], list[CaseResult]]:
        """The cases that couldn't be checked, grouped by verdict and message."""
        groups: dict[tuple[str, str], list[CaseResult]] = {}
        for result in self.results:
            if result.verdict in (*case_result.COULD_NOT_RUN, case_result.NOT_FINITE):
                groups.setdefault((result.verdict, result.message), []).append(result)
        return groups

    @property
    def notes(self) -> list[str]:
        """Sentences on the limits of this report: precision, kinks, rejected oracles."""
        said = []
        inside = sum(result.is_single_inside for result in self.results)
        if inside:
            said.append(
                f"This code computes in float32 for float64 parameters ({number_of_cases(inside)})."
            )
        if inside or "float32" in self.tally("dtype"):
            said.append(FLOAT32_NOTE.format(100 * 2.0**-24))
        if self.settings.tolerance:
            said.append(
                f"Tolerance: an entry may be off by {self.settings.tolerance:g} of the largest of "
                "its parameter."
            )
        said += [
            f"The loss never changed with {name}: does the adapter pass it on?"
            for name in self.unused
        ]
        rejected = Counter(reason for result in self.results for reason in result.rejected)
        said += [
            f"Oracle rejected in {number_of_cases(n)}: {reason}."
            for reason, n in rejected.most_common(3)
        ]
        own = sorted({name for result in self.results for name in result.custom_functions})
        if own:
            said.append(OWN_BACKWARDS_NOTE.format(", ".join(own)))
        for verdict, meaning in (
            (
                case_result.KINK,
                "the loss has no derivative there; any value between its slopes is accepted",
            ),
            (case_result.ROUNDING, "differences larger than usual, but explained by rounding"),
            (case_result.UNDECIDABLE, "no oracle was accurate enough to decide"),
        ):
            count = self.tally("verdict").get(verdict, 0)
            if count:
                said.append(f"{number_of_cases(count)} {verdict}: {meaning}.")
        return said

    @property
    def unused(self) -> list[str]:
        """The wrong parameters on which the loss doesn't depend in any wrong case."""
        wrong = [result for result in self.results if result.verdict == case_result.WRONG]
        return [
            name
            for name in dict.fromkeys(
                name for result in wrong for name in result.named(case_result.WRONG)
            )
            if all(name in result.unused for result in wrong)
        ]

    @property
    def snippet(self) -> str:
        """Short lines of Python that reproduce the smallest failing case."""
        if self.smallest is None:
            return ""
        return snippet(self.target, self.smallest.case, self.settings.tolerance)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON's types; numbers that aren't finite become strings."""
        diagnosis = self.diagnosis
        return {
            "target": self.target,
            "verdict": self.verdict,
            "exit_status": self.exit_status,
            "seconds": round(self.seconds, 3),
            "cases": len(self.results),
            "verdicts": self.tally("verdict"),
            "oracles": self.tally("oracle"),
            "dtypes": self.tally("dtype"),
            "digits": {
                name: {"worst": worst, "median": median, "limited_by": self.limits.get(name)}
                for name, (worst, median) in self.digits.items()
            },
            "searched": self.searched,
            "skipped": len(self.skipped),
            "left_out": list(self.left_out),
            "checks": [
                {"name": check.name, "verdict": check.verdict, "message": check.message}
                | ({"detail": check.detail} if check.detail else {})
                for check in self.checks
            ],
            "notes": self.notes,
            "troubles": [
                {
                    "kind": kind,
                    "message": message,
                    "detail": results[0].detail,
                    "cases": [_case(result) for result in results],
                }
                for (kind, message), results in self.troubles.items()
            ],
            "smallest_failing_case": None
            if self.smallest is None
            else _case(self.smallest)
            | {"oracle": self.smallest.oracle, "message": self.smallest.message}
            | {"wrong": self.smallest.named(case_result.WRONG)},
            "reproduce": self.snippet,
            "diagnosis": None
            if diagnosis is None
            else {
                "suspects": [_suspect(suspect) for suspect in diagnosis.suspects],
                "also_wrong": [_suspect(suspect) for suspect in diagnosis.also],
                "first_failing_T": diagnosis.first_T,
                "lag": diagnosis.lag,
                "handed_back": diagnosis.handed_back,
                "error_by_T": {
                    str(T): {name: _number(size) for name, size in sizes.items()}
                    for T, sizes in diagnosis.errors.items()
                },
                "error_of_one_target_by_lag": {
                    str(lag): {name: _number(size) for name, size in sizes.items()}
                    for lag, sizes in diagnosis.of_one_target.items()
                },
            },
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"


def _number(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)


def _case(result: CaseResult) -> dict[str, Any]:
    return {
        "sizes": result.case.sizes,
        "seed": result.case.seed,
        "scale": result.case.scale,
    }


def _suspect(suspect: Suspect) -> dict[str, Any]:
    return {
        "parameter": suspect.name,
        "entry": list(suspect.place),
        "computed": _number(suspect.computed),
        "expected": _number(suspect.expected),
        "relative_error": _number(suspect.relative_error),
        "pattern": suspect.pattern,
        "first_failing_T": suspect.first_T,
    }

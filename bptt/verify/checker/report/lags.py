"""Describe from which number of steps on a gradient is wrong, using the table that is shown.

A gradient over T steps reaches back T − 1 of them, so the smallest failing T gives the lag at which
an error begins, provided that all smaller T were checked and are right.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..case_result import WRONG, CaseResult, Finding

Errors = Mapping[int, Mapping[str, float]]


def errors_by(place: str, results: Iterable[CaseResult]) -> dict[int, dict[str, float]]:
    """Tabulate each parameter's largest relative error for each value of the size `place`."""
    table: dict[int, dict[str, float]] = {}
    for result in results:
        if not result.findings or place not in result.case.sizes:
            continue
        row = table.setdefault(result.case.sizes[place], {})
        for name, found in result.findings.items():
            row[name] = max(row.get(name, 0.0), error(found))
    return dict(sorted(table.items()))


def error(found: Finding) -> float:
    """Return the largest error relative to the parameter's size; 0 if it isn't wrong."""
    if found.verdict != WRONG:
        return 0.0
    if found.computed is None or found.expected is None:
        return found.relative_error if np.isfinite(found.relative_error) else np.inf
    off = np.abs(found.computed - found.expected).max(initial=0.0)
    return float(off / found.size) if found.size > 0.0 and np.isfinite(off) else np.inf


def first_wrong(errors: Errors, name: str | None = None) -> int | None:
    """Return the smallest T at which a parameter is wrong (any parameter, if name is None)."""
    rows = errors.items()
    return next(
        (T for T, row in rows if (row.get(name, 0.0) if name else max(row.values())) > 0.0), None
    )


def in_words(errors: Errors) -> str:
    """Describe at which T the gradient is wrong, at which it is right, and what follows."""
    wrong = [T for T, row in errors.items() if max(row.values()) > 0.0]
    if not wrong:
        return ""
    first = wrong[0]
    right = [T for T in errors if T not in wrong]
    before = right[: sum(first > T for T in right)]
    at_all_later = before == right
    said = f"wrong from T={first} on" if at_all_later else f"wrong at T={_listed(wrong)}"
    if before or not at_all_later:
        said = f"right at T={_listed(before if at_all_later else right)}, {said}"
    if first == 1:
        return f"{said}: within a single step" if at_all_later else said
    if first == 2 and before == [1] and at_all_later:
        return f"{said}: in the gradient passed 1 step back, or in the sum over the steps"
    if before == list(range(1, first)) and at_all_later:
        return f"{said}: in the terms that take {first} steps"
    return f"{said}, the smallest tried" if not before and at_all_later else said


def handed_back(of_one_target: Mapping[int, Sequence[CaseResult]], states: Sequence[str]) -> str:
    """Describe at which lags the gradients for the initial states are wrong or missing."""
    said = []
    for name in states:
        found = {
            lag: [result.findings[name] for result in results]
            for lag, results in of_one_target.items()
        }
        wrong = [lag for lag, all_ in found.items() if any(one.verdict == WRONG for one in all_)]
        if not wrong:
            continue
        lags = f"at lag {_listed(wrong)}"
        if wrong == [lag for lag in found if lag >= wrong[0]]:
            lags = f"from lag {wrong[0]} on"
            if len(wrong) > 1 and all(_is_lost(one) for lag in wrong for one in found[lag]):
                said.append(f"the gradient for {name} is zero {lags}: it is truncated in time")
                continue
        said.append(f"the gradient for {name} is wrong {lags}")
    return f"for the loss of one step, {'; '.join(said)}" if said else ""


def _is_lost(found: Finding) -> bool:
    return found.computed is not None and found.verdict == WRONG and not found.computed.any()


def _listed(numbers: Sequence[int]) -> str:
    """Format numbers with runs shortened: 1 to 6, 9."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(
        f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs
    )

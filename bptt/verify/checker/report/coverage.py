"""Describe briefly what was searched, skipped and left out."""

from collections.abc import Iterable, Mapping, Sequence

from ..case_result import CaseResult

MOST_RUNS = 10
MOST_REASONS = 3


def coverage(searched: str, skipped: Sequence[CaseResult], left_out: Sequence[str]) -> list[str]:
    """Return sentences on the sizes that were searched, the skipped cases and what was left out."""
    said = [f"Searched: {searched}."] if searched else []
    if skipped:
        reasons = dict.fromkeys(result.message for result in skipped if result.message)
        why = f": {'; '.join(list(reasons)[:MOST_REASONS])}" if reasons else ""
        said.append(f"Skipped by the problem: {number_of_cases(len(skipped))}{why}.")
    if left_out:
        said.append(f"Not checked: {'; '.join(left_out)}. A higher --budget allows more time.")
    return said


def number_of_cases(count: int) -> str:
    return f"{count} case{'s'[: count != 1]}"


def ranges(all_sizes: Iterable[Mapping[str, int]]) -> str:
    """List the values of each size, such as "T 1..6, 20, 40; H 1..5, 17"."""
    values: dict[str, set[int]] = {}
    for sizes in all_sizes:
        for name, size in sizes.items():
            values.setdefault(name, set()).add(size)
    return "; ".join(f"{name} {runs(sorted(numbers))}" for name, numbers in values.items())


def runs(numbers: list[int]) -> str:
    """Format ascending numbers as ranges, such as "1..6, 20"."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    if len(found) > MOST_RUNS:
        return f"{len(numbers)} values in {numbers[0]}..{numbers[-1]}"
    return ", ".join(f"{low}..{high}" if low < high else f"{low}" for low, high in found)

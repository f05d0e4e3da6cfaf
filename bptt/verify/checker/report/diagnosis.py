"""Diagnose a wrong gradient: which parameters, which pattern, and from which time lag on.

The smallest failing case is often too small to show a pattern. So further cases are checked, with
medium sizes that all differ, and a pattern is only named if it holds in all of them. A problem with
a size T is checked at several T in turn. If the function that makes problems takes `counted`, the
loss of the last step only is checked at T = 1, 2, 3… as well: the gradient with respect to the
initial state is then that of one target k = T − 1 steps later, and its error is the error at lag k.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ..calls import CaseError, OutOfTime
from ..case_result import WRONG, CaseResult
from ..checking import check_case
from ..evaluated_problem import Arrays, make
from ..oracles.contributions import expected_contributions
from ..patterns import explain
from ..patterns.evidence import ENOUGH, Evidence, distinct
from ..problem import Case
from ..search import SCALES, Search
from . import lags

SEEDS = 4
LONGEST = 8
ROTATIONS = 3  # of the medium sizes among their names
MOST_EVIDENCE = 30
MORE_SEEDS = 12  # if too few cases are wrong


@dataclass(frozen=True)
class Suspect:
    """A failing parameter: its worst entry, the pattern of its error, and the first wrong T.

    `place` is the index of the worst entry; `computed` and `expected` are its values.
    """

    name: str
    place: tuple[int, ...]
    computed: float
    expected: float
    relative_error: float
    pattern: str
    first_T: int | None


@dataclass(frozen=True)
class Diagnosis:
    """The diagnosis of a wrong gradient.

    `suspects` are the parameters that are wrong at the smallest failing T (`first_T`), `also` those
    that are wrong only at larger T. `errors` holds, for each T, the largest error of each parameter
    relative to its largest entry; it is empty for problems without T. `of_one_target` holds the
    same for each lag, for the loss of the last step only; it is empty if the problem doesn't take
    `counted`. `lag` summarises the former, `handed_back` the latter. `shown` is the case to draw.
    """

    suspects: tuple[Suspect, ...]
    also: tuple[Suspect, ...]
    first_T: int | None
    shown: CaseResult
    errors: dict[int, dict[str, float]] = field(default_factory=dict)
    of_one_target: dict[int, dict[str, float]] = field(default_factory=dict)
    handed_back: str = ""

    @property
    def lag(self) -> str:
        return lags.in_words(self.errors)

    @property
    def names(self) -> list[str]:
        """The wrong parameters, first those that are wrong at the smallest T."""
        return [suspect.name for suspect in (*self.suspects, *self.also)]


def diagnose(search: Search, smallest: CaseResult) -> Diagnosis | None:
    """Diagnose a wrong gradient; return None for other failures."""
    if smallest.verdict != WRONG:
        return None
    sizes = _middling(search, smallest)
    by_lag: dict[int, list[CaseResult]] = {}
    if "T" not in sizes:
        looked_at = _checked(search, sizes, smallest.case)
    else:
        lengths = _lengths(search, smallest.case.sizes["T"])
        checked = [_checked(search, sizes | {"T": T}, smallest.case) for T in lengths]
        looked_at = [result for results in checked for result in results]
        by_lag = {T - 1: _of_one_target(search, sizes | {"T": T}, smallest.case) for T in lengths}
        by_lag = {lag: results for lag, results in by_lag.items() if results}
    first_T = lags.first_wrong(lags.errors_by("T", search.results))
    _more_evidence(search, smallest, first_T)
    errors = lags.errors_by("T", search.results)
    suspects, also = [], []
    for name in smallest.findings:
        since = lags.first_wrong(errors, name)
        suspect = _suspect(search, name, smallest, since)
        if suspect is not None:
            (suspects if since == first_T else also).append(suspect)
    wrong = [result for result in looked_at if result.verdict == WRONG] or [smallest]
    states = [
        name
        for name in (next(iter(by_lag.values()))[0].findings if by_lag else ())
        if name not in smallest.findings
    ]
    return Diagnosis(
        tuple(suspects),
        tuple(also),
        first_T,
        max(wrong, key=lambda result: (result.entries, -result.case.seed)),
        errors,
        {
            lag: {
                name: max(lags.error(result.findings[name]) for result in results)
                for name in results[0].findings
            }
            for lag, results in by_lag.items()
        },
        lags.handed_back(by_lag, states),
    )


def _middling(search: Search, smallest: CaseResult, rotation: int = 0) -> dict[str, int]:
    """Return medium sizes that differ, none below that of the smallest failing case."""
    middling = search.settings.distinct_sizes(search.factory, rotation)
    return {name: max(size, smallest.case.sizes[name]) for name, size in middling.items()}


def _lengths(search: Search, failing: int) -> list[int]:
    """Return the T to check: the short ones, and those around the failing one."""
    low, high = search.settings.range_of("T")
    short = range(low, min(high, LONGEST) + 1)
    return sorted({*short, max(failing - 1, low), failing, failing + 1 if failing < high else low})


def _checked(search: Search, sizes: dict[str, int], like: Case) -> list[CaseResult]:
    """Check several seeds at the same sizes; leave out cases that can't be run."""
    cases = [Case(sizes, seed, like.scale) for seed in range(like.seed, like.seed + SEEDS)]
    results = [search.check(case, entrywise=True) for case in cases]
    return [result for result in results if result.findings]


def _of_one_target(search: Search, sizes: dict[str, int], like: Case) -> list[CaseResult]:
    """Check the loss of the last step only; these cases are not recorded in the search."""
    if not search.factory.counts_one_step:
        return []
    seeds = range(like.seed, like.seed + SEEDS)
    cases = [Case(sizes, seed, like.scale, counted=sizes["T"] - 1) for seed in seeds]
    results = [check_case(search.factory, case, True, search.settings.time_limit) for case in cases]
    return [result for result in results if result.findings]


def _more_evidence(search: Search, smallest: CaseResult, first_T: int | None) -> None:
    """Check cases of other sizes, and if too few of them are wrong, of other seeds and scales."""

    def enough() -> bool:
        try:
            return all(
                distinct([_evidence(search, one, name) for one in _wrong(search, name)]) >= ENOUGH
                for name in smallest.findings
                if smallest.findings[name].verdict == WRONG
            )
        except OutOfTime:
            return True

    for number, case in enumerate(_fresh_cases(search, smallest, first_T)):
        if number >= 2 * ROTATIONS and enough():
            return
        search.check(case, entrywise=True)


def _fresh_cases(search: Search, smallest: CaseResult, first_T: int | None) -> Iterator[Case]:
    like, rotated = smallest.case, []
    for rotation in range(ROTATIONS):
        sizes = _middling(search, smallest, rotation)
        rotated.append(sizes if first_T is None else sizes | {"T": first_T})
    for seed in (like.seed, like.seed + 1):
        yield from (Case(sizes, seed, like.scale) for sizes in rotated)
    for seed in range(like.seed + 2, like.seed + 2 + MORE_SEEDS):
        yield Case(rotated[seed % ROTATIONS], seed, like.scale)
    for scale in SCALES:
        yield Case(like.sizes, like.seed, like.scale * scale)


def _wrong(search: Search, name: str, whole: bool = True) -> list[CaseResult]:
    """List the cases where a parameter is wrong; if `whole`, without mere projections."""
    return [
        result
        for result in search.results
        if name in result.findings
        and result.findings[name].verdict == WRONG
        and not (whole and result.findings[name].computed is None)
    ]


def _several(search: Search, results: list[CaseResult], name: str) -> list[Evidence]:
    """Take evidence from a limited number of cases, small and large ones alike."""
    ordered = sorted(results, key=lambda result: result.entries)
    every = -(-len(ordered) // MOST_EVIDENCE) or 1
    return [_evidence(search, result, name) for result in ordered[::every]]


def _suspect(search: Search, name: str, smallest: CaseResult, since: int | None) -> Suspect | None:
    wrong = _wrong(search, name) or _wrong(search, name, whole=False)
    if not wrong:
        return None
    at_first = [result for result in wrong if result.case.sizes.get("T") == since] or wrong
    worst = max(at_first, key=lambda result: lags.error(result.findings[name]))
    # The values stand below the smallest failing case, so they are its own where it can be.
    own = (result for result in at_first if result.case == smallest.case)
    found = next(own, worst).findings[name]
    pattern = ""
    # A pattern may hold at the first failing T only, where the fewest other errors add to it.
    for results in (wrong, at_first):
        if found.computed is not None and not pattern:
            pattern = _explained(search, results, name)
    return Suspect(name, found.worst, *found.worst_values, found.relative_error, pattern, since)


def _explained(search: Search, results: list[CaseResult], name: str) -> str:
    try:
        return explain(_several(search, results, name))
    except OutOfTime:
        return ""


def _evidence(search: Search, result: CaseResult, name: str) -> Evidence:
    again = partial(make, search.factory, result.case, search.settings.time_limit)

    def contributions() -> list[Arrays] | None:
        evaluated = again()
        if evaluated.problem.loss_of_steps is None:
            return None
        try:
            return expected_contributions(evaluated, result.case, np.random.default_rng(0))[0]
        except CaseError:  # the other hypotheses do without them
            return None

    return Evidence(name, result.findings, result.case.sizes, again, contributions)

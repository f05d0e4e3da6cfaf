"""Where is it wrong: in which parameters, in what way, and from which time lag on?

The smallest failing case shows that a gradient is wrong; it is often too small to show how. So more
cases are checked, of middling sizes that all differ. A problem with a size T is checked at one T
after the other: the gradient of T steps reaches back T − 1 steps, so the first T that fails names
the lag at which the error begins. A maker that takes `counted` is also asked for the loss of the
last step alone, at T = 1, 2, 3…: its gradient for the state at the start is that of one target for
a state k = T − 1 steps before it, and so its error is the error at lag k.
"""

from dataclasses import dataclass, field

import numpy as np

from .calls import CaseError, OutOfTime
from .outcome import WRONG, Finding, Outcome
from .patterns import Evidence, explain
from .problem import Case
from .search import Search
from .shares import true_shares
from .subject import Arrays, make

SEEDS = 4
LONGEST = 8


@dataclass(frozen=True)
class Suspect:
    """A failing parameter: its worst entry, the pattern of its error, and since which T."""

    name: str
    place: tuple[int, ...]
    mine: float
    true: float
    relative_error: float
    pattern: str
    first_T: int | None


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong in what.

    `suspects` are the parameters that fail first (at the smallest failing T), `also` those that
    fail too, later. `errors` has, for each T, each parameter's largest error over its largest
    entry; empty for problems without T. `of_one_target` has the same for each lag, where the last
    step's loss counts alone; empty where the maker can't do that. `shown` is the case to draw.
    """

    suspects: tuple[Suspect, ...]
    also: tuple[Suspect, ...]
    first_T: int | None
    shown: Outcome
    errors: dict[int, dict[str, float]] = field(default_factory=dict)
    of_one_target: dict[int, dict[str, float]] = field(default_factory=dict)

    @property
    def lag(self) -> str:
        if self.first_T is None or not self.errors:
            return ""
        if self.first_T == min(self.errors):
            return f"wrong from T={self.first_T} on: within a single step"
        return (
            f"right at T={self.first_T - 1}, wrong from T={self.first_T} on: "
            f"in what is handed {self.first_T - 1} step{'s'[: self.first_T > 2]} back"
        )


def diagnose(search: Search, smallest: Outcome) -> Diagnosis | None:
    """Look closer at a wrong gradient; None for other failures."""
    if smallest.verdict != WRONG:
        return None
    sizes = {
        name: max(size, smallest.case.sizes[name])
        for name, size in search.settings.distinct_sizes(search.maker).items()
    }
    if "T" not in sizes:
        outcomes = _failing(search, [sizes], smallest)
        return _conclude(search, smallest, outcomes, None, {}, {})
    low, high = search.settings.range_of("T")
    first = smallest.case.sizes["T"]
    lengths = sorted({*range(low, max(min(high, LONGEST), min(first, LONGEST)) + 1),
                      max(low, first - 1), first})  # fmt: skip
    by_length = {T: _checked(search, sizes | {"T": T}, smallest.case) for T in lengths}
    errors = {T: _errors(outcomes) for T, outcomes in by_length.items() if outcomes}
    by_lag = {T - 1: _of_one_target(search, sizes | {"T": T}, smallest.case) for T in lengths}
    of_one_target = {lag: _errors(outcomes) for lag, outcomes in by_lag.items() if outcomes}
    failing = {
        T: [outcome for outcome in outcomes if outcome.verdict == WRONG]
        for T, outcomes in by_length.items()
    }
    first_T = min(
        outcome.case.sizes["T"] for outcome in search.outcomes if outcome.verdict == WRONG
    )
    failing[first_T] = failing.get(first_T) or [
        outcome
        for outcome in search.outcomes
        if outcome.verdict == WRONG and outcome.case.sizes["T"] == first_T
    ]
    later = [outcome for T in lengths if first_T < T for outcome in failing[T]]
    outcomes = [*failing[first_T], *later]
    return _conclude(search, smallest, outcomes, first_T, errors, of_one_target)


def _checked(search: Search, sizes: dict[str, int], like: Case) -> list[Outcome]:
    """Check several seeds at one size; cases that can't be run are left out."""
    cases = [Case(sizes, seed, like.scale) for seed in range(like.seed, like.seed + SEEDS)]
    outcomes = [search.check(case, entrywise=True) for case in cases]
    return [outcome for outcome in outcomes if outcome.findings]


def _of_one_target(search: Search, sizes: dict[str, int], like: Case) -> list[Outcome]:
    """Check the loss of the last step alone; not among the search's own, which count them all."""
    if not search.maker.counts_one_step:
        return []
    seeds = range(like.seed, like.seed + SEEDS)
    cases = [Case(sizes, seed, like.scale, counted=sizes["T"] - 1) for seed in seeds]
    outcomes = [search.tried(case, entrywise=True) for case in cases]
    return [outcome for outcome in outcomes if outcome.findings]


def _errors(outcomes: list[Outcome]) -> dict[str, float]:
    return {
        name: max(_error(outcome.findings[name]) for outcome in outcomes)
        for name in outcomes[0].findings
    }


def _failing(search: Search, all_sizes: list[dict[str, int]], smallest: Outcome) -> list[Outcome]:
    checked = [outcome for sizes in all_sizes for outcome in _checked(search, sizes, smallest.case)]
    return [outcome for outcome in checked if outcome.verdict == WRONG] or [smallest]


def _error(found: Finding) -> float:
    """Return the largest error over the largest entry; 0 where it is within what is allowed."""
    if found.verdict != WRONG:
        return 0.0
    if found.mine is None or found.true is None:
        return found.relative_error if np.isfinite(found.relative_error) else np.inf
    size = np.abs(found.true).max(initial=0.0)
    off = np.abs(found.mine - found.true).max(initial=0.0)
    return float(off / size) if size > 0.0 and np.isfinite(off) else np.inf


def _conclude(
    search: Search,
    smallest: Outcome,
    outcomes: list[Outcome],
    first_T: int | None,
    errors: dict[int, dict[str, float]],
    of_one_target: dict[int, dict[str, float]],
) -> Diagnosis:
    suspects, also = [], []
    first = {
        name: min(
            (
                outcome.case.sizes["T"]
                for outcome in search.outcomes
                if "T" in outcome.case.sizes
                and name in outcome.findings
                and outcome.findings[name].verdict == WRONG
            ),
            default=None,
        )
        for name in smallest.findings
    }
    for name in smallest.findings:
        wrong = [
            outcome
            for outcome in [
                *outcomes,
                *([] if any(outcome is smallest for outcome in outcomes) else [smallest]),
            ]
            if outcome.findings[name].verdict == WRONG
        ]
        if not wrong:
            continue
        at_first = [outcome for outcome in wrong if outcome.case.sizes.get("T") == first[name]]
        worst = max(at_first or wrong, key=lambda outcome: _error(outcome.findings[name]))
        found = worst.findings[name]
        pattern = _pattern(search, name, _whole(wrong, name), _whole(at_first, name), smallest)
        suspect = Suspect(
            name, found.worst, *found.worst_values, found.relative_error, pattern, first[name]
        )
        (suspects if first[name] == first_T else also).append(suspect)
    shown = max(outcomes, key=lambda outcome: (outcome.entries, -outcome.case.seed))
    return Diagnosis(tuple(suspects), tuple(also), first_T, shown, errors, of_one_target)


def _whole(outcomes: list[Outcome], name: str) -> list[Outcome]:
    """Leave out what was compared by projections only."""
    return [outcome for outcome in outcomes if outcome.findings[name].mine is not None]


def _pattern(
    search: Search, name: str, wrong: list[Outcome], at_first: list[Outcome], smallest: Outcome
) -> str:
    """Explain all cases; or those of the first failing T, where least else has gone wrong."""
    for outcomes in (wrong, at_first, [outcome for outcome in at_first if outcome is not smallest]):
        try:
            pattern = explain([_evidence(search, outcome, name) for outcome in outcomes])
        except OutOfTime:
            return ""
        if pattern:
            return pattern
    return ""


def _evidence(search: Search, outcome: Outcome, name: str) -> Evidence:
    found = outcome.findings[name]
    if found.mine is None or found.true is None or found.allowed is None:
        raise ValueError(f"{name} was compared by projections only")
    all_true = {
        other: finding.true
        for other, finding in outcome.findings.items()
        if finding.true is not None
    }
    subject = make(search.maker, outcome.case, search.settings.time_limit)
    shares: list[Arrays] | None = None
    if subject.problem.loss_of_steps is not None:
        try:
            shares, _, _ = true_shares(subject, outcome.case, np.random.default_rng(0))
        except (CaseError, OutOfTime):
            shares = None  # the pattern is then told without it
    return Evidence(
        name, found.mine, found.true, found.allowed, subject.point[name], all_true,
        outcome.case.sizes, shares,
    )  # fmt: skip

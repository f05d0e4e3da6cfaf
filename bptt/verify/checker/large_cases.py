"""Check a few large, odd sizes at the end of a search that has found no error at small ones.

Code that works in blocks may omit the last, incomplete block, and a gradient truncated in time is
right for short sequences. So each size in turn becomes 17, 33, 65 and 129 (T: 20, 40 and 129) while
the others stay small; then several at once. These cases are compared by projections. Time and
memory are extrapolated from the smaller cases, and cases that would take too much are left out.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from typing import Protocol

from bptt import memory

from .calls import CaseError, OutOfTime, time_left
from .case_result import (
    BROKEN,
    CRASHED,
    FAILURES,
    HUNG,
    NOT_FINITE,
    OUT_OF_TIME,
    SKIPPED,
    UNDECIDABLE,
    CaseResult,
)
from .evaluated_problem import make
from .loading import ProblemFactory
from .problem import Case, Skip
from .settings import Settings


class Search(Protocol):
    """The part of a search that large cases need: it checks cases and records their results."""

    factory: ProblemFactory
    settings: Settings
    left_out: list[str]

    def tried(self, case: Case, entrywise: bool) -> CaseResult: ...

    def check(self, case: Case, entrywise: bool = False) -> CaseResult: ...

    def remember(self, result: CaseResult) -> CaseResult: ...


SIZES = (17, 33, 65, 129)
STEPS = (20, 40, 129)
NEIGHBOURS = 8  # next sizes to try where the problem skips one
AT_MOST = 1 / 3  # as a fraction of the number of small cases
STEEPEST_POWER = 4.5
BRIEF = 0.5  # seconds; shorter times say more of the machine's other work than of a case
MEMORY = 0.5  # as a fraction of the free memory
COPIES = 16  # of the parameters: the least memory that a case needs
SEEDS = 2  # tried for each smaller case
ROUNDS = 2  # of shrinking: one size may only shrink after another has


@dataclass(frozen=True)
class Cost:
    """The cost of a case: seconds, and bytes.

    The bytes are the growth of the peak, or those of COPIES of the parameters, if that is more.
    """

    seconds: float
    memory: float


class LargeCases:
    """Check large cases, the smaller ones first, and shrink the first that fails."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.names = search.factory.size_names
        self.base = search.settings.distinct_sizes(search.factory)
        self.costs: dict[str, dict[int, Cost]] = {name: {} for name in self.names}

    def first_failing(self) -> CaseResult | None:
        """Return the first failing case, or None; add what was not checked to the search's list."""
        most = int(self.search.settings.cases * AT_MOST)
        stopped: set[str] = set()
        plan = list(self._plan())[:most]
        if plan:
            cost, _ = self._measured(self.base)
            self.costs = {name: {self.base[name]: cost} for name in self.names}
        for grown in plan:
            if stopped & grown.keys():
                continue
            if time_left() <= 0.0:
                self.search.left_out.append(f"{_listed(grown)} and larger cases (out of time)")
                break
            result, trouble = self._tried(grown)
            if result is not None and self.search.remember(result).verdict in FAILURES:
                return result
            if trouble:
                more = " and beyond" if len(grown) == 1 else ""
                self.search.left_out.append(f"{_listed(grown)}{more} ({trouble})")
                stopped |= grown.keys() if len(grown) == 1 else set()
        return None

    def _plan(self) -> Iterator[dict[str, int]]:
        levels = [
            {
                name: values[level]
                for name in self.names
                for values in [STEPS if name == "T" else SIZES]
                if level < len(values) and self._allows(name, values[level])
            }
            for level in range(len(SIZES))
        ]
        for number, level in enumerate(levels):
            yield from ({name: value} for name, value in level.items())
            if number == 0 and len(level) > 1:
                yield level
        if len(levels[1]) > 1:
            yield levels[1]

    def _allows(self, name: str, value: int) -> bool:
        chosen = self.search.settings.sizes.get(name)
        return value > self.base[name] and (chosen is None or chosen[0] <= value <= chosen[1])

    def _tried(self, grown: dict[str, int]) -> tuple[CaseResult | None, str]:
        """Check a case unless it would take too much; return its result, or None and the reason."""
        predicted = self._predicted(grown)
        if predicted.seconds > time_left():
            return None, f"would take about {predicted.seconds:.2g} s"
        if predicted.memory > MEMORY * memory.available():
            return None, f"would need about {predicted.memory / 2**30:.0f} GiB"
        sizes, (cost, result) = grown, self._measured(self.base | grown)
        for more in range(1, NEIGHBOURS):
            if result.verdict == SKIPPED:
                sizes = {name: value + more for name, value in grown.items()}
                cost, result = self._measured(self.base | sizes)
        if result.verdict in (OUT_OF_TIME, HUNG):
            return None, "took too long"
        if result.verdict == UNDECIDABLE:
            return None, result.message or "no oracle could decide"
        if result.verdict in (SKIPPED, NOT_FINITE) or not self._has_a_loss(result):
            return None, f"{result.verdict}: {result.message}".removesuffix(": ")
        if len(sizes) == 1:
            ((name, value),) = sizes.items()
            self.costs[name][value] = cost
        return result, ""

    def _has_a_loss(self, result: CaseResult) -> bool:
        """Whether the loss can be computed at these sizes, so that the gradient is to blame."""
        if result.verdict not in (CRASHED, BROKEN):
            return True
        try:
            evaluated = make(self.search.factory, result.case, self.search.settings.time_limit)
            evaluated.loss(evaluated.point)
        except (CaseError, OutOfTime, Skip):
            return False
        return True

    def _measured(self, sizes: dict[str, int]) -> tuple[Cost, CaseResult]:
        begun, peak = time.monotonic(), memory.peak()
        result = self.search.tried(Case(sizes, self.search.settings.seed), entrywise=False)
        used = max(memory.peak() - peak, float(COPIES * 8 * result.entries))
        return Cost(max(time.monotonic() - begun, BRIEF), used), result

    def _predicted(self, grown: dict[str, int]) -> Cost:
        """Extrapolate the cost of a case from its growth with each size alone."""
        base = self.costs[self.names[0]][self.base[self.names[0]]].seconds
        seconds, needed = base, 0.0
        for name, value in grown.items():
            costs = self.costs[name]
            taken = extrapolated({at: cost.seconds for at, cost in costs.items()}, value)
            seconds *= taken / max(base, 1e-4)
            needed += extrapolated({at: cost.memory for at, cost in costs.items()}, value)
        return Cost(seconds, needed)

    def shrunk(self, found: CaseResult) -> CaseResult:
        """Return a failing case with smaller sizes, found by bisecting each size in turn."""
        best = found
        for _ in range(ROUNDS):
            before = best
            for name in sorted(self.names, key=lambda name: -best.case.sizes[name]):
                best = self._shrunk_in(name, best)
            if best is before:
                break
        whole = self.search.tried(best.case, entrywise=True)
        return self.search.remember(whole) if whole.verdict == best.verdict else best

    def _shrunk_in(self, name: str, best: CaseResult) -> CaseResult:
        right = self.search.settings.range_of(name)[0]
        if right >= best.case.sizes[name]:
            return best
        smallest = self._failing(name, right, best)
        if smallest is not None:
            return smallest
        while best.case.sizes[name] - right > 1:
            middle = (right + best.case.sizes[name]) // 2
            failing = self._failing(name, middle, best)
            if failing is None:
                right = middle
            else:
                best = failing
        return best

    def _failing(self, name: str, value: int, like: CaseResult) -> CaseResult | None:
        sizes = like.case.sizes | {name: value}
        for seed in range(like.case.seed, like.case.seed + SEEDS):
            result = self.search.check(Case(sizes, seed, like.case.scale))
            if result.verdict == like.verdict:
                return result
        return None


def _listed(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sizes.items())


def extrapolated(seen: dict[int, float], value: int) -> float:
    """Extrapolate a cost to a larger size, by a power law or, if it grows faster, exponentially."""
    *before, (last, cost) = sorted(seen.items())
    if cost <= 0.0:
        return 0.0
    if not before or before[-1][1] <= 0.0:
        return cost * value / last  # often too low; then the deadline ends the case
    earlier, cheaper = before[-1]
    power = log(cost / cheaper) / log(last / earlier)
    if power > STEEPEST_POWER:
        steps = (value - last) / (last - earlier)
        return cost * exp(min(steps * log(cost / cheaper), 100.0))
    return cost * (value / last) ** max(power, 1.0)

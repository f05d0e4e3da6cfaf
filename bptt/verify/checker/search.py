"""Looks for a case where a gradient is wrong, and then for the smallest one.

The smallest sizes come first, one after the other, so that what fails there need not be shrunk.
Then hypothesis draws sizes, seeds and scales, and shrinks what it finds.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

from bptt.errors import InputError

from .checking import check_case
from .loading import Maker
from .outcome import FAILURES, HUNG, Outcome
from .problem import Case

HIGHEST = {"T": 6}  # the others 5; each from 1
SCALES = (1.0, 0.1, 3.0, 0.01, 10.0)
SMALLEST_CASES = 24  # at most this many of the smallest sizes are gone through
SHRINKING_CASES, SEEDS_TO_SHRINK = 150, 12
HANGS_ENOUGH = 3
TOLERATED = ("too_slow", "data_too_large", "filter_too_much", "large_base_example", "nested_given")


@dataclass(frozen=True)
class Settings:
    """How hard to look. `sizes` are ranges, `time_limit` is in seconds for each call."""

    cases: int = 60
    seed: int = 0
    time_limit: float = 10.0
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def range_of(self, name: str) -> tuple[int, int]:
        return self.sizes.get(name, (1, HIGHEST.get(name, 5)))

    def distinct_sizes(self, maker: Maker, rotation: int = 0) -> dict[str, int]:
        """Return middling sizes that differ, so that no shape fits by accident.

        `rotation` gives each size what another has otherwise.
        """
        chosen = {}
        for place, name in enumerate(maker.size_names):
            low, high = self.range_of(name)
            chosen[name] = min(high, low + 2 + (place + rotation) % 3)
        return chosen


class Search:
    """Checks cases, each once, and remembers them all."""

    def __init__(
        self, maker: Maker, settings: Settings, seen: Callable[[Outcome], None] = lambda _: None
    ) -> None:
        unknown = settings.sizes.keys() - set(maker.size_names)
        if unknown:
            raise InputError(
                f"{maker.target} has no size {', '.join(sorted(unknown))}; "
                f"it has {', '.join(maker.size_names) or 'none'}"
            )
        self.maker = maker
        self.settings = settings
        self._seen = seen
        self._outcomes: dict[object, Outcome] = {}

    @property
    def outcomes(self) -> list[Outcome]:
        return list(self._outcomes.values())

    def check(self, case: Case, entrywise: bool = False) -> Outcome:
        known = self._outcomes.get(case.key)
        if known is None:
            known = check_case(self.maker, case, entrywise, self.settings.time_limit)
            self._outcomes[case.key] = known
            self._seen(known)
        return known

    def run(self) -> Outcome | None:
        """Return the smallest failing case that was found, or None."""
        for case in self._smallest_cases():
            if self._gives_up() or len(self._outcomes) >= self.settings.cases:
                return None
            outcome = self.check(case, entrywise=True)
            if outcome.verdict in FAILURES:
                return self._shrunk(outcome)
        found = self._drawn()
        return None if found is None else self._shrunk(found)

    def _smallest_cases(self) -> list[Case]:
        names = self.maker.size_names
        ranges = [self.settings.range_of(name) for name in names]
        choices = [range(low, min(low + 1, high) + 1) for low, high in ranges]
        sizes = sorted(product(*choices), key=lambda chosen: (sum(chosen), chosen))
        largest = sizes[-1]
        sizes = [*sizes[: SMALLEST_CASES // 2 - 1], largest]
        seeds = (self.settings.seed, self.settings.seed + 1)
        cases = [
            Case(dict(zip(names, chosen, strict=True)), seed)
            for chosen in dict.fromkeys(sizes)
            for seed in seeds
        ]
        return [*cases, Case(self.settings.distinct_sizes(self.maker), self.settings.seed)]

    def _drawn(self) -> Outcome | None:
        try:
            import hypothesis
            from hypothesis import strategies as st
            from hypothesis.errors import NoSuchExample
        except ModuleNotFoundError as error:
            raise InputError(
                "the search needs hypothesis; install it: pip install hypothesis"
            ) from error
        names = self.maker.size_names
        cases = st.builds(
            lambda sizes, scale, seed: Case(dict(zip(names, sizes, strict=True)), seed, scale),
            st.tuples(*(st.integers(*self.settings.range_of(name)) for name in names)),
            st.sampled_from(SCALES),
            st.integers(0, 999),
        )
        left = self.settings.cases - len(self._outcomes)
        if left <= 0:
            return None

        def fails(case: Case) -> bool:
            return not self._gives_up() and self.check(case).verdict in FAILURES

        try:
            smallest = hypothesis.find(
                cases,
                fails,
                settings=hypothesis.settings(
                    max_examples=left,
                    deadline=None,
                    database=None,
                    suppress_health_check=[
                        getattr(hypothesis.HealthCheck, name) for name in TOLERATED
                    ],
                ),
                random=random.Random(self.settings.seed),
            )
        except NoSuchExample:
            return None
        return self.check(smallest)

    def _shrunk(self, found: Outcome) -> Outcome:
        """Return a smaller failing case, if other seeds have one.

        Hypothesis shrinks a seed as if it were a size; what a seed draws (a mask, say) may be just
        what a smaller case needs.
        """
        names = self.maker.size_names
        choices = [
            range(low, found.case.sizes[name] + 1)
            if name == "T"
            else sorted({low, min(low + 1, found.case.sizes[name]), found.case.sizes[name]})
            for name in names
            for low in [self.settings.range_of(name)[0]]
        ]
        left = SHRINKING_CASES
        for sizes in sorted(product(*choices), key=lambda chosen: (sum(chosen), chosen)):
            if sum(sizes) >= sum(found.case.sizes.values()):
                break
            for seed in range(self.settings.seed, self.settings.seed + SEEDS_TO_SHRINK):
                case = Case(dict(zip(names, sizes, strict=True)), seed, found.case.scale)
                outcome = self.check(case, entrywise=True)
                left -= 1
                if outcome.verdict == found.verdict:
                    return outcome
                if left <= 0 or self._gives_up():
                    return found
        return found

    def _gives_up(self) -> bool:
        hung = sum(outcome.verdict == HUNG for outcome in self._outcomes.values())
        return hung >= HANGS_ENOUGH

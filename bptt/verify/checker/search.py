"""Search for a case where a gradient is wrong, and then for the smallest such case.

The smallest sizes are checked first, in order, since a failure there needs no shrinking. Then
hypothesis draws sizes, seeds and scales, and shrinks the failing case. If no case fails, a few
large cases follow.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import product

from bptt.errors import InputError

from .calls import until
from .case_check import ENTRYWISE_AT_MOST
from .case_result import BROKEN, FAILURES, HUNG, OUT_OF_TIME, SKIPPED, WRONG, CaseResult
from .checking import check_case
from .large_cases import LargeCases
from .loading import ProblemFactory
from .problem import Case
from .settings import Settings

SCALES = (1.0, 0.1, 3.0, 0.01, 10.0)
SMALLEST_CASES = 24  # the largest number of cases of the smallest sizes
SHRINKING_CASES, SEEDS_TO_SHRINK = 150, 12
HANGS_ENOUGH = 3
# The largest fractions of the budget; each starts where the one before has ended.
LOOKING, LOOKING_AT_LARGE, SHRINKING, DIAGNOSING = 1 / 3, 1 / 6, 1 / 6, 1 / 4
IGNORED = "the loss does not change with its parameters: does the adapter pass them on?"
TOLERATED = ("too_slow", "data_too_large", "filter_too_much", "large_base_example", "nested_given")


class Search:
    """Check cases, each once, and record their results.

    `skipped` are the cases for which the problem raised Skip. `left_out` lists what else was not
    checked, and why. `seen` is called after each case.
    """

    def __init__(
        self,
        factory: ProblemFactory,
        settings: Settings,
        seen: Callable[[CaseResult], None] = lambda _: None,
    ) -> None:
        unknown = settings.sizes.keys() - set(factory.size_names)
        if unknown:
            raise InputError(
                f"{factory.target} has no size {', '.join(sorted(unknown))}; "
                f"it has {', '.join(factory.size_names) or 'none'}"
            )
        self.factory = factory
        self.settings = settings
        self.skipped: list[CaseResult] = []
        self.left_out: list[str] = []
        self._seen = seen
        self._results: dict[object, CaseResult] = {}
        self._out_of_time = False
        self._ignored = False
        self._begun = time.monotonic()

    @property
    def results(self) -> list[CaseResult]:
        return list(self._results.values())

    def check(self, case: Case, entrywise: bool = False) -> CaseResult:
        known = self._results.get(case.key)
        return known or self.remember(self.tried(case, entrywise))

    def tried(self, case: Case, entrywise: bool) -> CaseResult:
        """Check a case without recording the result."""
        settings = self.settings
        return check_case(self.factory, case, entrywise, settings.time_limit, settings.tolerance)

    def remember(self, result: CaseResult) -> CaseResult:
        if result.verdict == OUT_OF_TIME:
            self._out_of_time = True
        elif result.verdict == SKIPPED:
            self.skipped.append(result)
        else:
            self._results[result.case.key] = result
            self._seen(result)
        return result

    def run(self) -> CaseResult | None:
        """Return the smallest failing case found, or None."""
        cases = self._smallest_cases()
        with self._within(1.0):
            self.check(cases[0], entrywise=True)
        with self._within(LOOKING):
            found = self._first_failing(cases)
        if found is None and not self._ignored:
            if self._out_of_time:
                checked = len(self._results)
                self.left_out.append(f"out of time after {checked} of {self.settings.cases} cases")
            large = LargeCases(self)
            with self._within(LOOKING_AT_LARGE * min(1.0, self.settings.cases / 60)):
                found = None if self._gives_up() else large.first_failing()
            if found is not None:
                with self._within(SHRINKING):
                    return large.shrunk(found)
        if found is None:
            return None
        with self._within(SHRINKING):
            return self._shrunk(found)

    @contextmanager
    def _within(self, part: float) -> Iterator[None]:
        self._out_of_time = False
        with until(time.monotonic() + part * self.settings.budget):
            yield

    def diagnosing(self, found: CaseResult) -> AbstractContextManager[None]:
        """Set the block's deadline to the rest of the budget, or to a part with many parameters."""
        left = 1.0 - (time.monotonic() - self._begun) / self.settings.budget
        return self._within(min(left, DIAGNOSING) if found.entries > ENTRYWISE_AT_MOST else left)

    def _first_failing(self, smallest: list[Case]) -> CaseResult | None:
        for case in smallest:
            if self._gives_up() or len(self._results) >= self.settings.cases:
                return None
            result = self.check(case, entrywise=True)
            if result.verdict in FAILURES:
                self._ignored = self._ignores_its_parameters(result)
                return None if self._ignored else result
        return self._drawn()

    def _ignores_its_parameters(self, found: CaseResult) -> bool:
        """Whether the loss is constant in other cases too: then the gradient isn't to blame.

        A loss that is constant in a single case may be legitimate, such as that of a single class.
        """
        if not found.findings or set(found.unused) != set(found.findings):
            return False
        sizes = self.settings.distinct_sizes(self.factory)
        others = [self.check(Case(sizes, found.case.seed + k), entrywise=True) for k in range(2)]
        wrong = [result for result in self.results if result.verdict == WRONG]
        if any(set(other.unused) != set(other.findings) for other in [*others, *wrong]):
            return False
        for result in wrong:
            self._results[result.case.key] = replace(
                result, verdict=BROKEN, findings={}, message=IGNORED
            )
        return True

    def _smallest_cases(self) -> list[Case]:
        names = self.factory.size_names
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
        return [*cases, Case(self.settings.distinct_sizes(self.factory), self.settings.seed)]

    def _drawn(self) -> CaseResult | None:
        try:
            import hypothesis
            from hypothesis import strategies as st
            from hypothesis.errors import NoSuchExample, Unsatisfiable
        except ModuleNotFoundError as error:
            raise InputError(
                "the search needs hypothesis; install it: pip install hypothesis"
            ) from error
        names = self.factory.size_names
        cases = st.builds(
            lambda sizes, scale, seed: Case(dict(zip(names, sizes, strict=True)), seed, scale),
            st.tuples(*(st.integers(*self.settings.range_of(name)) for name in names)),
            st.sampled_from(SCALES),
            st.integers(0, 999),
        )
        left = self.settings.cases - len(self._results)
        if left <= 0:
            return None

        def fails(case: Case) -> bool:
            known = self._results.get(case.key)
            if known is None and self._gives_up():
                return False  # what is known stays as it is: hypothesis asks again
            result = known or self.check(case)
            if result.verdict == SKIPPED:
                hypothesis.reject()
            return result.verdict in FAILURES

        try:
            smallest = hypothesis.find(
                cases,
                fails,
                settings=hypothesis.settings(
                    max_examples=left,
                    deadline=None,
                    database=None,
                    # Without explanations: they vary what doesn't matter in a case that is found.
                    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
                    suppress_health_check=[
                        getattr(hypothesis.HealthCheck, name) for name in TOLERATED
                    ],
                ),
                random=random.Random(self.settings.seed),
            )
        except (NoSuchExample, Unsatisfiable):
            return None
        return self.check(smallest)

    def _shrunk(self, found: CaseResult) -> CaseResult:
        """Return a smaller failing case, if there is one at other seeds.

        Hypothesis shrinks a seed as if it were a size, but a smaller case may only fail with
        another seed (one that draws a certain mask, say).
        """
        names = self.factory.size_names
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
                result = self.check(case, entrywise=True)
                left -= 1
                if result.verdict == found.verdict:
                    return result
                if left <= 0 or self._gives_up():
                    return found
        return found

    def _gives_up(self) -> bool:
        hung = sum(result.verdict == HUNG for result in self._results.values())
        return self._out_of_time or hung >= HANGS_ENOUGH

"""The phases of a verification: the values, then one check after another.

Each phase has a title, and is reported when it is done, so that a process that died can be replaced
by one that goes on with the next phase.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..checker.calls import CaseError, at
from ..checker.check_result import RANK, REFUSED, CheckResult
from ..checker.checking import VALUES
from ..checker.loading import ProblemFactory
from ..checker.problem import Case, Skip
from ..checker.settings import Settings
from ..checker.verifying import verify
from . import repeats
from .checks import CHECKS, run, title
from .derivative_tests import dot_product, taylor_remainder
from .functions import import_all_of_torch
from .lower_precision.comparison import LowerPrecision
from .problem import BackwardCase
from .second_order import NAME, second_order
from .settings import BackwardSettings

# The first of the sizes at which checks are run; the next is one larger. If they don't fit, the
# others are tried, all equal.
FIRST_SIZE = {"small": 2, "medium": 17}
OTHER_SIZES = {"small": (2, 4, 1), "medium": (16, 20, 24, 8, 6)}
SECONDS_A_DTYPE = 4.0
PLAIN_CALLS = "plain calls"


@dataclass(frozen=True)
class Phase:
    """The results of one phase."""

    title: str
    results: tuple[CheckResult, ...]


def run_phases(
    factory: ProblemFactory,
    settings: Settings,
    options: BackwardSettings,
    done: Collection[str],
    send: Callable[[Any], None],
) -> None:
    """Run the phases that aren't done yet; send each CaseResult, the Report, and each Phase.

    torch has one thread, except in the check that looks for races: at these sizes more threads only
    wait for each other, for most of the time if other programs run.
    """
    import_all_of_torch()
    with repeats.torch_threads(1) as threads:
        _run(factory, settings, options, threads, done, send)


def _run(
    factory: ProblemFactory,
    settings: Settings,
    options: BackwardSettings,
    threads: int,
    done: Collection[str],
    send: Callable[[Any], None],
) -> None:
    if VALUES not in done:
        send(verify(factory, settings, send))
    made = list(_cases(factory, settings, done, send))
    if not made:
        return
    for name, check in _checks(factory, settings, options, threads, made):
        if name not in done:
            send(Phase(name, tuple(check())))


def _cases(
    factory: ProblemFactory,
    settings: Settings,
    done: Collection[str],
    send: Callable[[Any], None],
) -> Iterator[BackwardCase]:
    """Yield a case of small and one of medium sizes, of the first that the function accepts."""
    problem: Any = factory.function
    for kind in FIRST_SIZE:
        name, known = f"{PLAIN_CALLS} at {kind} sizes", set[str]()
        if name in done:  # a process died of them
            continue
        for case in _candidates(factory, settings, kind):
            at(name, case)
            try:
                one = BackwardCase(problem, case, settings.time_limit)
                one.gradients()
            except Skip:
                continue
            except CaseError as trouble:
                if trouble.message not in known:
                    said = CheckResult(name, REFUSED, f"{trouble.message}, at {case}")
                    send(Phase(f"{name}: {case}", (said,)))
                known.add(trouble.message)
                continue
            yield one
            break


def _candidates(factory: ProblemFactory, settings: Settings, kind: str) -> list[Case]:
    names, low = factory.size_names, FIRST_SIZE[kind]
    all_sizes = [
        {name: low + place for place, name in enumerate(names)},
        *(dict.fromkeys(names, size) for size in OTHER_SIZES[kind]),
        settings.distinct_sizes(factory),
    ]
    cases = []
    for sizes in all_sizes:
        for name, (lowest, highest) in settings.sizes.items():
            sizes[name] = min(max(sizes[name], lowest), highest)
        case = Case(sizes, settings.seed)
        if case not in cases:
            cases.append(case)
    return cases


Named = tuple[str, Callable[[], Iterable[CheckResult]]]


def _checks(
    factory: ProblemFactory,
    settings: Settings,
    options: BackwardSettings,
    threads: int,
    made: list[BackwardCase],
) -> Iterator[Named]:
    problem: Any = factory.function
    checks: list[Any] = [
        *CHECKS,
        repeats.values_without_gradients,
        repeats.graph_used_twice,
        repeats.another_call_between,
        repeats.uninitialized_memory,
    ]
    if len(made) == 2:
        checks.append(partial(repeats.another_shape_between, other=made[1]))
    for check in checks:
        yield title(check), partial(_worst, check, made)
    yield "Taylor remainder", partial(_at_largest, taylor_remainder, made)
    yield "dot product", partial(_at_largest, partial(dot_product, problem=problem), made)
    if options.order == 2:
        yield NAME, partial(_second_order, factory, settings, made[0].case)
    cases = [one.case for one in made]
    for dtype in options.dtypes:
        yield dtype, partial(_in_dtype, problem, dtype, settings, cases)
    yield "many calls", partial(_many_calls, made[0], options.race_seconds, threads)


def _worst(check: Any, made: list[BackwardCase]) -> Iterable[CheckResult]:
    """Run a check at every case; the worst result of each name counts."""
    results: dict[str, CheckResult] = {}
    for one in made:
        at(title(check), one.case)
        for result in run(check, one):
            known = results.get(result.name)
            if known is None or RANK[result.verdict] > RANK[known.verdict]:
                results[result.name] = result
    return results.values()


def _at_largest(check: Any, made: list[BackwardCase]) -> Iterable[CheckResult]:
    at(title(check), made[-1].case)
    return run(check, made[-1])


def _second_order(factory: ProblemFactory, settings: Settings, case: Case) -> Iterable[CheckResult]:
    at(NAME, case)
    return [second_order(factory, settings, case)]


def _in_dtype(
    problem: Any, dtype: str, settings: Settings, cases: list[Case]
) -> Iterable[CheckResult]:
    at(dtype, cases[-1])
    return [LowerPrecision(problem, dtype, settings.time_limit, SECONDS_A_DTYPE).result(cases)]


def _many_calls(case: BackwardCase, seconds: float, threads: int) -> Iterable[CheckResult]:
    at("many calls", case.case)
    return run(partial(repeats.many_calls, seconds=seconds, threads=threads), case)

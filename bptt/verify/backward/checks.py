"""Check a backward pass for other errors than wrong values: memory layouts and its contract.

Each check compares with the gradient for the same numbers in contiguous memory, so it needs no
oracle: other layouts of cotangents and inputs, gradients of some inputs only, changed arguments.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from ..checker.calls import CaseError
from ..checker.case_result import WRONG, Finding
from ..checker.check_result import FAILED, ILL_CONDITIONED, PASSED, REFUSED, CheckResult
from ..checker.evaluated_problem import is_tensor, to_array
from .layouts import layouts
from .problem import BackwardCase, copied, far, like

ALLOWED = {"float64": 1e-12, "float32": 1e-4}  # of the largest entry: sums in another order
TIMES_THE_ROUGHNESS, COARSEST = 30.0, 1e-5  # of functions that round more, inside
SUBSETS = 12


Check = Callable[[BackwardCase], Iterator[CheckResult]]


def run(check: Check, case: BackwardCase) -> list[CheckResult]:
    """Return the results of a check; if the function raises, it is refused, which is no failure."""
    results = []
    try:
        results.extend(check(case))
    except CaseError as trouble:
        results.append(CheckResult(title(check), REFUSED, trouble.message))
    return results


def title(check: Any) -> str:
    """Return the name of a check function, or of the one that a partial calls, in words."""
    return getattr(check, "func", check).__name__.replace("_", " ")


def is_off(off: float, case: BackwardCase) -> bool:
    """Whether gradients that should be equal differ by more than the code's own rounding.

    `off` is relative to the largest entry.
    """
    if off <= ALLOWED[case.dtype]:
        return False
    return not (off <= COARSEST and off <= TIMES_THE_ROUGHNESS * roughness(case))


@lru_cache(maxsize=4)
def roughness(case: BackwardCase) -> float:
    """How rough the gradients are, relative to their largest entries: the code's own rounding.

    It is that of float32 if the function computes in float32 inside. Found as the second difference
    of the gradients over steps that a smooth function doesn't notice.
    """
    rng = np.random.default_rng([case.case.seed, 31])
    rough = 0.0
    for _ in range(3):
        steps = {
            place: 2.0**-20 * rng.choice([-1.0, 1.0], tuple(case.inputs[place].shape))
            for place in case.places
        }

        def at(sign: float, steps: dict[int, np.ndarray] = steps) -> dict[int, np.ndarray]:
            inputs = _copies(case.inputs)
            for place, step in steps.items():
                inputs[place] = inputs[place] * (1 + like(inputs[place], sign * step))
            found = case.gradients(inputs)
            return {
                place: np.zeros(step.shape)
                if found[place] is None
                else np.array(to_array(found[place]), float)
                for place, step in steps.items()
            }

        ahead, here, behind = at(1.0), at(0.0), at(-1.0)
        for place, slope in here.items():
            mean = 0.5 * (ahead[place] + behind[place])
            rough = max(rough, far(mean, slope, case.sizes[place]))
    return rough


def cotangent_layouts(case: BackwardCase) -> Iterator[CheckResult]:
    """Pass the same cotangents in other memory layouts."""
    for place, cotangent in enumerate(case.cotangents):
        if cotangent is None:
            continue
        for layout, laid_out, plain in layouts(cotangent):
            yield _same(
                case,
                f"cotangents {layout}",
                (_copies(case.inputs), _with(case.cotangents, place, laid_out)),
                (_copies(case.inputs), _with(case.cotangents, place, plain)),
            )


def input_layouts(case: BackwardCase) -> Iterator[CheckResult]:
    """Pass the same inputs in other memory layouts."""
    for place in case.places:
        for layout, laid_out, plain in layouts(case.inputs[place]):
            yield _same(
                case,
                f"{case.name_of(place)} {layout}",
                (_with(case.inputs, place, laid_out), _copies(case.cotangents)),
                (_with(case.inputs, place, plain), _copies(case.cotangents)),
            )


def unused_outputs(case: BackwardCase) -> Iterator[CheckResult]:
    """Leave each output unused in turn: the cotangent None must count as zeros."""
    floating = [k for k, cotangent in enumerate(case.cotangents) if cotangent is not None]
    if len(floating) < 2:
        return
    for place in floating:
        result = _same(
            case,
            f"output {place} unused",
            (_copies(case.inputs), _with(case.cotangents, place, None)),
            (_copies(case.inputs), _with(case.cotangents, place, 0 * case.cotangents[place])),
        )
        # A layout may be refused with an error; an output that is not used is everyday.
        yield replace(result, verdict=FAILED) if result.verdict == REFUSED else result


def zero_cotangents(case: BackwardCase) -> Iterator[CheckResult]:
    """Check that cotangents of zeros give gradients of zeros."""
    zeros = [None if value is None else 0 * value for value in case.cotangents]
    found = case.gradients(cotangents=zeros)
    for place, slope in found.items():
        if slope is not None and (to_array(slope) != 0).any():
            worst = np.abs(to_array(slope).astype(float)).max()
            message = f"the gradient of {case.name_of(place)} is up to {worst:.3g}, not 0"
            picture = difference(case, place, slope, None)
            yield CheckResult("zero cotangents", FAILED, message, picture=picture)
            return
    yield CheckResult("zero cotangents", PASSED)


def same_tensor_twice(case: BackwardCase) -> Iterator[CheckResult]:
    """Pass the same tensor as two inputs: each must get the gradient that separate ones get."""
    for first, second in combinations(case.places, 2):
        if case.inputs[first].shape != case.inputs[second].shape:
            continue
        apart = _with(case.inputs, second, copied(case.inputs[first]))
        shared = _copies(apart)
        shared[second] = shared[first]
        yield _same(
            case,
            f"one array for {case.name_of(first)} and {case.name_of(second)}",
            (shared, _copies(case.cotangents)),
            (apart, _copies(case.cotangents)),
        )
        return


def subsets_of_inputs(case: BackwardCase) -> Iterator[CheckResult]:
    """Ask for the gradients of some inputs only."""
    whole = case.gradients()
    chosen = [
        wanted
        for count in range(1, len(case.places))
        for wanted in combinations(case.places, count)
    ]
    for wanted in chosen[:SUBSETS]:
        some = case.gradients(wanted=wanted)
        for place in wanted:
            off = far(some[place], whole[place], case.sizes[place])
            if is_off(off, case):
                names = ", ".join(map(case.name_of, wanted))
                yield CheckResult(
                    "subsets of inputs",
                    FAILED,
                    f"{case.name_of(place)} is off by {off:.2g} if only {names} require a gradient",
                    picture=difference(case, place, some[place], whole[place]),
                )
                return
    if chosen:
        yield CheckResult("subsets of inputs", PASSED, f"{len(chosen[:SUBSETS])} of them")


def arguments_unchanged(case: BackwardCase) -> Iterator[CheckResult]:
    """Check that the backward pass leaves inputs and cotangents unchanged."""
    inputs = [copied(value) for value in case.inputs]
    cotangents = [copied(value) for value in case.cotangents]
    case.gradients(inputs, cotangents)
    changed = [
        f"the cotangent of output {k}"
        for k, (now, before) in enumerate(zip(cotangents, case.cotangents, strict=True))
        if before is not None and not _equal(now, before)
    ]
    changed += [
        case.name_of(place)
        for place in case.places
        if not _equal(inputs[place], case.inputs[place])
    ]
    verdict = FAILED if changed else PASSED
    message = f"the backward pass changes {', '.join(changed)}" if changed else ""
    yield CheckResult("arguments unchanged", verdict, message)


Arguments = tuple[list[Any], list[Any]]  # inputs, cotangents


def _same(case: BackwardCase, name: str, given: Arguments, plain: Arguments) -> CheckResult:
    """Compare the gradients for the same numbers passed in two ways."""
    expected = case.gradients(*plain)
    try:
        computed = case.gradients(*given)
    except CaseError as trouble:
        return CheckResult(name, REFUSED, trouble.message)
    for place, slope in computed.items():
        # Equal numbers may make a gradient cancel, so that rounding errors are all it has.
        off = far(slope, expected[place], case.sizes[place])
        if is_off(off, case):
            if _is_unstable(case, plain, place, expected[place], off):
                message = f"the gradient of {case.name_of(place)} is unstable for these numbers"
                return CheckResult(name, ILL_CONDITIONED, message)
            far_off = f"off by {off:.2g} of its largest entry" if np.isfinite(off) else "not finite"
            message = f"the gradient of {case.name_of(place)} is {far_off}, at {case.case}"
            picture = difference(case, place, slope, expected[place])
            return CheckResult(name, FAILED, message, picture=picture)
    return CheckResult(name, PASSED)


def _is_unstable(
    case: BackwardCase, plain: Arguments, place: int, expected: Any, off: float
) -> bool:
    """Whether the last bits of the inputs change a gradient as much as another layout did.

    A matrix of equal entries has equal singular values, say, whose vectors are arbitrary.
    """
    rng = np.random.default_rng([case.case.seed, 32])
    nearby = [
        value * (1 + like(value, 2.0**-45 * rng.choice([-1.0, 1.0], tuple(value.shape))))
        if k in case.places
        else copied(value)
        for k, value in enumerate(plain[0])
    ]
    moved = far(case.gradients(nearby, _copies(plain[1]))[place], expected, case.sizes[place])
    return bool(moved > 0.01 * min(off, 1.0))  # `off` may be infinite


def difference(case: BackwardCase, place: int, computed: Any, expected: Any) -> Finding:
    """Return two gradients that should be equal, to be drawn entry by entry."""
    shape = tuple(case.inputs[place].shape)
    found, right = (
        np.zeros(shape) if value is None else to_array(value).astype(float)
        for value in (computed, expected)
    )
    size = max(float(np.abs(right).max(initial=0.0)), case.sizes[place])
    allowed = np.full(shape, ALLOWED[case.dtype] * size)
    return Finding(
        case.name_of(place), WRONG, 0.0, computed=found, expected=right, allowed=allowed, size=size
    )


def _copies(values: Sequence[Any]) -> list[Any]:
    return [copied(value) for value in values]


def _with(values: Sequence[Any], place: int, value: Any) -> list[Any]:
    """Return copies of the values, except for `value` at `place`, which is not copied."""
    return [value if k == place else copied(other) for k, other in enumerate(values)]


def _equal(a: Any, b: Any) -> bool:
    if not is_tensor(a) and not isinstance(a, np.ndarray):
        return True
    return np.array_equal(to_array(a), to_array(b), equal_nan=True)


CHECKS: tuple[Check, ...] = (
    arguments_unchanged,
    cotangent_layouts,
    unused_outputs,
    zero_cotangents,
    subsets_of_inputs,
    input_layouts,
    same_tensor_twice,
)

"""Compare gradients that should be equal: of the same numbers, passed in another way."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..checker.calls import CaseError
from ..checker.case_result import WRONG, Finding
from ..checker.check_result import FAILED, ILL_CONDITIONED, PASSED, REFUSED, CheckResult
from .arrays import copied, far, like, numbers
from .problem import BackwardCase

ALLOWED = {"float64": 1e-12, "float32": 1e-4}  # of the largest entry: sums in another order
TIMES_THE_ROUGHNESS, COARSEST = 30.0, 1e-5  # of functions that round more, inside

Arguments = tuple[list[Any], list[Any]]  # inputs, cotangents


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
            inputs = copies(case.inputs)
            for place, step in steps.items():
                inputs[place] = inputs[place] * (1 + like(inputs[place], sign * step))
            found = case.gradients(inputs)
            return {
                place: np.zeros(1) if found[place] is None else numbers(found[place])
                for place in steps
            }

        ahead, here, behind = at(1.0), at(0.0), at(-1.0)
        for place, slope in here.items():
            mean = 0.5 * (ahead[place] + behind[place])
            rough = max(rough, far(mean, slope, case.sizes[place]))
    return rough


def same(case: BackwardCase, name: str, given: Arguments, plain: Arguments) -> CheckResult:
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
    moved = far(case.gradients(nearby, copies(plain[1]))[place], expected, case.sizes[place])
    return bool(moved > 0.01 * min(off, 1.0))  # `off` may be infinite


def difference(case: BackwardCase, place: int, computed: Any, expected: Any) -> Finding:
    """Return two gradients that should be equal, to be drawn entry by entry."""
    shape = numbers(case.inputs[place]).shape
    found, right = (
        np.zeros(shape) if value is None else numbers(value) for value in (computed, expected)
    )
    size = max(float(np.abs(right).max(initial=0.0)), case.sizes[place])
    allowed = np.full(shape, ALLOWED[case.dtype] * size)
    return Finding(
        case.name_of(place), WRONG, 0.0, computed=found, expected=right, allowed=allowed, size=size
    )


def copies(values: Sequence[Any]) -> list[Any]:
    return [copied(value) for value in values]


def replaced(values: Sequence[Any], place: int, value: Any) -> list[Any]:
    """Return copies of the values, except for `value` at `place`, which is not copied."""
    return [value if k == place else copied(other) for k, other in enumerate(values)]

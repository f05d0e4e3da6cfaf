"""Two tests that need no tolerance: the order of the Taylor remainder, and the dot product.

With the right gradient g, |L(x + hd) - L(x) - h <g, d>| falls as h² where h goes to 0; with a wrong
one as h. And for every v and u, <Jv, u> = <v, Jᵀu>: the derivative forwards, where there is one,
against the backward pass.

Source for the second: Claerbout (1992), Earth Soundings Analysis, chapter 5.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checker.calls import CRASHED, CaseError, call
from ..checker.check_result import FAILED, PASSED, CheckResult, Curve
from .arrays import copied, is_floating, numbers, random_like
from .functions import TorchFunction
from .jax_functions import JaxFunction
from .nested import flat
from .problem import BackwardCase, BackwardProblem

STEPS = 2.0 ** -np.arange(3.0, 31.0)
ABOVE_ROUNDING = 1e3  # unit roundoffs of the sum's terms
DIRECTIONS = 4  # at most; one is enough to see that a gradient is right
POINTS = 5  # the smallest steps whose remainder is above rounding
WRONG_SLOPE = 1.25
FINE_STEPS = 2.0 ** -np.arange(20.0, 24.0)  # a few units of float32, nothing to a smooth function
KINK = 0.1  # share of a remainder that the second difference takes, if slopes of two sides differ
DOT_PRODUCT_ERROR = 1e-9  # of |Jv| |u|


def taylor_remainder(case: BackwardCase) -> Iterator[CheckResult]:
    """Fit the slope of the Taylor remainder against the step, both logarithmic.

    A wrong gradient shows in every direction; in some of them a right one may meet a kink.
    """
    result = _in_direction(case, 0)
    for number in range(1, DIRECTIONS):
        if result.verdict == PASSED:
            break
        result = _in_direction(case, number)
    yield result


def _in_direction(case: BackwardCase, number: int) -> CheckResult:
    rng = np.random.default_rng([case.case.seed, 40, number])
    gradients = case.gradients()
    directions = {place: random_like(case.inputs[place], rng) for place in case.places}
    slope = sum(
        float(np.sum(numbers(found) * numbers(directions[place])))
        for place, found in gradients.items()
        if found is not None
    )

    def terms(step: float) -> np.ndarray:
        inputs = [copied(value) for value in case.inputs]
        for place, direction in directions.items():
            inputs[place] = inputs[place] + step * direction
        found = call("forward", case.function.outputs, inputs, limit=case.limit)
        return np.concatenate(
            [
                (numbers(output) * numbers(up)).ravel()
                for output, up in zip(found, case.cotangents, strict=True)
                if up is not None
            ]
        )

    here = terms(0.0)

    def remainder(step: float) -> float:
        try:
            return abs(float(np.sum(terms(step) - here)) - step * slope)
        except CaseError as trouble:
            if trouble.kind != CRASHED:
                raise
            return float("nan")  # a large step may leave the function's domain

    remainders = np.array([remainder(h) for h in STEPS])
    least = ABOVE_ROUNDING * 2.0**-53 * (np.abs(here).sum() + abs(slope) * STEPS)
    usable = np.flatnonzero(np.isfinite(remainders) & (remainders > least))
    curve = Curve(
        "Taylor remainder against the step h (slope 1: wrong, 2: right)",
        tuple(map(float, STEPS)),
        tuple(map(float, remainders)),
    )
    name = "Taylor remainder"
    if len(usable) < POINTS:
        message = "no remainder above rounding: linear in this direction"
        return CheckResult(name, PASSED, message, picture=curve)
    last = usable[-POINTS:]
    order = float(np.polyfit(np.log(STEPS[last]), np.log(remainders[last]), 1)[0])
    if order >= WRONG_SLOPE:
        return CheckResult(name, PASSED, f"slope {order:.2f} (1: wrong, 2: right)", picture=curve)
    h = float(STEPS[last[-1]])
    if abs(float(np.sum(terms(h) - 2 * here + terms(-h)))) > KINK * remainders[last[-1]]:
        message = "nothing to see: the function has a kink here, where the two sides differ"
        return CheckResult(name, PASSED, message, picture=curve)
    rough = max(abs(float(np.sum(terms(2 * h) - 2 * terms(h) + here))) for h in FINE_STEPS)
    if rough > least.min() and rough > FINE_STEPS.max() * np.nanmax(remainders):
        message = "nothing to see: the function rounds as in float32 inside"
        return CheckResult(name, PASSED, message, picture=curve)
    message = f"slope {order:.2f} (1: wrong, 2: right), at {case.case}"
    return CheckResult(name, FAILED, message, picture=curve)


def dot_product(case: BackwardCase, problem: BackwardProblem) -> Iterator[CheckResult]:
    """Compare <Jv, u> with <v, Jᵀu>, if the function or its plain version has a derivative."""
    rng = np.random.default_rng([case.case.seed, 41])
    tangents = {place: random_like(case.inputs[place], rng) for place in case.places}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, of its jit
            forwards = call(
                "forward derivative", _forward_derivative, case, problem, tangents, limit=case.limit
            )
    except CaseError:
        if isinstance(case.function, JaxFunction):
            return  # one with a custom_vjp has none
        raise
    if forwards is None:
        return
    pairs = [
        (numbers(moved), numbers(up))
        for moved, up in zip(forwards, case.cotangents, strict=True)
        if up is not None and moved is not None
    ]
    left = sum(float(np.sum(moved * up)) for moved, up in pairs)
    right = sum(
        float(np.sum(numbers(tangents[place]) * numbers(slope)))
        for place, slope in case.gradients().items()
        if slope is not None
    )
    size = sum(float(np.linalg.norm(moved) * np.linalg.norm(up)) for moved, up in pairs)
    off = abs(left - right) / size if size else abs(right)
    verdict = PASSED if off <= DOT_PRODUCT_ERROR else FAILED
    where = f", at {case.case}" if verdict == FAILED else ""
    message = f"<Jv, u> and <v, Jᵀu> differ by {off:.1g} of |Jv| |u|{where}"
    yield CheckResult("dot product", verdict, message)


def has_jvp(function: TorchFunction) -> bool:
    """Whether an autograd Function defines its own forward derivative."""
    from torch.autograd import Function

    owner = getattr(function.function, "__self__", None)
    return isinstance(owner, type) and issubclass(owner, Function) and owner.jvp is not Function.jvp


def _forward_derivative(
    case: BackwardCase, problem: BackwardProblem, tangents: dict[int, Any]
) -> list[Any] | None:
    """Return the outputs' derivatives along the tangents; None if there is no such derivative."""
    if isinstance(case.function, JaxFunction):
        return case.function.forward_derivative(case.inputs, tangents)
    run = problem.forward
    if not isinstance(case.function, TorchFunction) or not (run or has_jvp(case.function)):
        return None
    import torch.autograd.forward_ad as forward_ad

    with forward_ad.dual_level():
        inputs = [
            forward_ad.make_dual(copied(value), tangents[place]) if place in tangents else value
            for place, value in enumerate(case.inputs)
        ]
        found = flat(
            case.function.call(inputs)
            if run is None
            else run(*case.function.arguments.given(inputs))
        )
        moved = [
            forward_ad.unpack_dual(output).tangent if is_floating(output) else None
            for output in found
        ]
    return None if all(tangent is None for tangent in moved) else moved

"""Check a backward pass for other errors than wrong values: memory layouts and its contract.

Each check compares with the gradient for the same numbers in contiguous memory, so it needs no
oracle: other layouts of cotangents and inputs, gradients of some inputs only, changed arguments.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from ..checker.calls import CaseError, call
from ..checker.check_result import FAILED, PASSED, REFUSED, CheckResult
from ..checker.evaluated_problem import to_array
from .arrays import as_array, copied, equal, far, layouts
from .comparing import copies, difference, is_off, replaced, same
from .problem import BackwardCase

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


def cotangent_layouts(case: BackwardCase) -> Iterator[CheckResult]:
    """Pass the same cotangents in other memory layouts."""
    for place, cotangent in enumerate(case.cotangents):
        if cotangent is None:
            continue
        for layout, laid_out, plain in layouts(cotangent):
            yield same(
                case,
                f"cotangents {layout}",
                (copies(case.inputs), replaced(case.cotangents, place, laid_out)),
                (copies(case.inputs), replaced(case.cotangents, place, plain)),
            )


def input_layouts(case: BackwardCase) -> Iterator[CheckResult]:
    """Pass the same inputs in other memory layouts."""
    for place in case.places:
        for layout, laid_out, plain in layouts(case.inputs[place]):
            yield same(
                case,
                f"{case.name_of(place)} {layout}",
                (replaced(case.inputs, place, laid_out), copies(case.cotangents)),
                (replaced(case.inputs, place, plain), copies(case.cotangents)),
            )


def unused_outputs(case: BackwardCase) -> Iterator[CheckResult]:
    """Leave each output unused in turn: the cotangent None must count as zeros."""
    floating = [k for k, cotangent in enumerate(case.cotangents) if cotangent is not None]
    if len(floating) < 2 or not case.function.accepts_none:
        return
    for place in floating:
        result = same(
            case,
            f"output {place} unused",
            (copies(case.inputs), replaced(case.cotangents, place, None)),
            (copies(case.inputs), replaced(case.cotangents, place, 0 * case.cotangents[place])),
        )
        # A layout may be refused with an error; an output that is not used is everyday.
        yield replace(result, verdict=FAILED) if result.verdict == REFUSED else result


def gradients_returned(case: BackwardCase) -> Iterator[CheckResult]:
    """Check that None is returned only for inputs on which the outputs don't depend."""
    missing = [place for place, slope in case.gradients().items() if slope is None]
    used = []
    for place in missing:
        moved = copies(case.inputs)
        moved[place] = moved[place] * (1 + 2.0**-20)
        found = call("forward", case.function.outputs, moved, limit=case.limit)
        pairs = zip(found, case.outputs, case.cotangents, strict=True)
        if any(up is not None and not equal(as_array(now), before) for now, before, up in pairs):
            used.append(case.name_of(place))
    if used:
        others = [case.name_of(place) for place in case.places if place not in missing]
        message = (
            f"the outputs depend on {', '.join(used)}, but the gradient is None, which counts as "
            f"zeros"
        ) + (f"; where that is a constant, verify the others only: wrt={others}" if others else "")
        yield CheckResult("gradients returned", FAILED, message)
    elif missing:
        yield CheckResult("gradients returned", PASSED)


def zero_cotangents(case: BackwardCase) -> Iterator[CheckResult]:
    """Check that cotangents of zeros give gradients of zeros."""
    zeros = [None if value is None else 0 * value for value in case.cotangents]
    found = case.gradients(cotangents=zeros)
    for place, slope in found.items():
        if slope is not None and (to_array(slope) != 0).any():
            worst = np.abs(to_array(slope)).max()
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
        apart = replaced(case.inputs, second, copied(case.inputs[first]))
        shared = copies(apart)
        shared[second] = shared[first]
        yield same(
            case,
            f"one array for {case.name_of(first)} and {case.name_of(second)}",
            (shared, copies(case.cotangents)),
            (apart, copies(case.cotangents)),
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
        if before is not None and not equal(as_array(now), before)
    ]
    changed += [
        case.name_of(place) for place in case.places if not equal(inputs[place], case.inputs[place])
    ]
    verdict = FAILED if changed else PASSED
    message = f"the backward pass changes {', '.join(changed)}" if changed else ""
    yield CheckResult("arguments unchanged", verdict, message)


CHECKS: tuple[Check, ...] = (
    gradients_returned,
    arguments_unchanged,
    cotangent_layouts,
    unused_outputs,
    zero_cotangents,
    subsets_of_inputs,
    input_layouts,
    same_tensor_twice,
)

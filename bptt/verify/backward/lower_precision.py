"""Compare a backward pass in a lower precision with itself in float64, at the rounded inputs.

The bound estimates the effect of rounding on this code: that of disturbing each of its operations
in float64 (Monte Carlo arithmetic), scaled to the unit roundoff of the dtype.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checker.calls import CaseError
from ..checker.check_result import FAILED, PASSED, REFUSED, CheckResult
from ..checker.evaluated_problem import UNITS, make, to_array
from ..checker.loading import ProblemFactory
from ..checker.oracles import rounding
from ..checker.problem import Case
from .problem import BackwardCase, copied, in_dtype, is_floating

UNIT_OF = {"float32": 2.0**-24, "bfloat16": 2.0**-9, "float16": 2.0**-11}  # unit roundoff
TIMES_THE_NOISE = 16.0
TOO_COARSE = 0.5  # relative to the largest entry: an error that rounding alone can cause


def lower_precision(
    factory: ProblemFactory, case: Case, limit: float, dtype: str
) -> Iterator[CheckResult]:
    """Compare the gradients in `dtype` with those in float64, within the bound on rounding."""
    name = dtype
    try:
        problem: Any = factory.function
        low = BackwardCase(problem, case, limit, dtype)
        cotangents = low.cotangents
        computed = low.gradients()
    except CaseError as trouble:
        yield CheckResult(name, REFUSED, trouble.message)
        return
    high = BackwardCase(problem, case, limit)
    expected = high.gradients(
        [in_dtype(value, "float64") if is_floating(value) else value for value in low.inputs],
        [None if value is None else in_dtype(copied(value), "float64") for value in cotangents],
    )
    evaluated = make(factory, case, limit)
    noise = rounding.gradient_noise(evaluated, evaluated.gradient(), "float64")
    for place, slope in expected.items():
        if slope is None or computed[place] is None:
            continue
        exact = to_array(slope).astype(float)
        off = np.abs(to_array(in_dtype(computed[place], "float64")) - exact)
        size = float(np.abs(exact).max(initial=0.0))
        units = TIMES_THE_NOISE * noise[low.name_of(place)] / UNITS["float64"]
        bound = units * UNIT_OF[dtype]
        if bound > TOO_COARSE * size > 0.0:
            yield CheckResult(name, PASSED, "ill-conditioned: rounding alone can be as large")
            return
        if not off.max(initial=0.0) <= bound:
            message = (
                f"the gradient of {low.name_of(place)} is off by {off.max() / size:.2g} of its "
                f"largest entry, rounding explains {bound / size:.2g}, at {case}"
            )
            yield CheckResult(name, FAILED, message)
            return
    yield CheckResult(name, PASSED, "within what rounding explains")

"""Compare a backward pass in a lower precision with itself in float64, at the rounded inputs.

The bounds estimate what rounding does in this code (see `rounding_bounds`): one for each entry, at
small and at medium sizes, and one for a factor that all entries have in common, over many inputs.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...checker.calls import CaseError, call
from ...checker.case_result import WRONG, Finding
from ...checker.check_result import FAILED, ILL_CONDITIONED, PASSED, REFUSED, CheckResult
from ...checker.problem import Case
from ..arrays import far, in_dtype
from ..problem import BackwardCase, BackwardProblem
from .coarser_dtypes import coarser_dtype
from .disturbed import Gradients, arrays, disturbed_gradients, in_float64, largest_value
from .rounding_bounds import FactorBound, entry_bounds, factor_bound, rms
from .wide_sums import gradients_with_wide_sums

# Unit roundoffs; of bfloat16 half of it, which the multiples in rounding_bounds.py allow for.
UNIT_OF = {"float32": 2.0**-24, "bfloat16": 2.0**-9, "float16": 2.0**-11}
LARGEST = {"float32": 3.4e38, "bfloat16": 3.4e38, "float16": 65504.0}
DISTURBED_RUNS, FEWEST_RUNS = 16, 6  # for the bounds of entries
SHARED_SEEDS = 4
FEWEST_INPUTS, MOST_INPUTS = 16, 1024
GOAL = {"float32": 2.0**-17, "bfloat16": 0.75 * 2.0**-6, "float16": 0.75 * 2.0**-6}
OTHER_OUTPUTS = 0.1  # relative: the forward pass itself took another way than in float64
TOO_COARSE = 0.25  # relative: a bound above it says nothing
LONG_SUM = 64  # terms
COMPLEX = "complex numbers are compared in float64 only"
TIMES_LARGER = 3.0  # errors than with totals in float32
ROUNDED_ONCE = 0.4  # unit roundoffs: what the usual number is off by when it is rounded


@dataclass(frozen=True)
class Drawn:
    """One random input in a lower precision, the same in float64, and the limit of a call."""

    low: BackwardCase
    high: BackwardCase
    unit: float

    @cached_property
    def given(self) -> tuple[list[Any], list[Any]]:
        return in_float64(self.low)

    @cached_property
    def exact(self) -> Gradients:
        return arrays(self.high.gradients(*in_float64(self.low)))

    @cached_property
    def computed(self) -> Gradients:
        """The gradients in the lower precision; None counts as zeros."""
        found = arrays(self.low.gradients())
        return {place: found.get(place, np.zeros(g.shape)) for place, g in self.exact.items()}

    @cached_property
    def outputs_differ(self) -> float:
        """How far the outputs are from those in float64, relative to the largest of each.

        An eigenvector may have the other sign, say, and then other gradients.
        """
        function, (inputs, _) = self.high.function, self.given
        exact = call("forward", function.outputs, inputs, limit=self.high.limit)
        pairs = zip(self.low.outputs, exact, self.low.cotangents, strict=True)
        return max(far(in_dtype(low, "float64"), high) for low, high, up in pairs if up is not None)

    def disturbed(self, seed: int) -> Gradients:
        return disturbed_gradients(self.high, *self.given, seed, self.unit)

    @property
    def is_finite(self) -> bool:
        return all(np.isfinite(value).all() for value in self.computed.values())


@dataclass(frozen=True)
class LowerPrecision:
    """The comparison of one function in one dtype; `limit` is in seconds, for each call.

    `seconds`, of processor time, limit how many inputs are drawn beyond the fewest.
    """

    problem: BackwardProblem
    dtype: str
    limit: float
    seconds: float

    def result(self, cases: Sequence[Case]) -> CheckResult:
        """Return the verdict on some cases, smallest first; the last is drawn many times."""
        try:
            return self._result(cases)
        except CaseError as trouble:
            return CheckResult(self.dtype, REFUSED, trouble.message)

    def _result(self, cases: Sequence[Case]) -> CheckResult:
        coarse = 0.0
        for case in cases:
            drawn = self._drawn(case)
            if drawn.high.is_complex:
                return CheckResult(self.dtype, REFUSED, COMPLEX)
            if not drawn.is_finite:
                return self._not_finite(drawn)
            message, bound, picture = self._entries(drawn)
            if message and drawn.outputs_differ > OTHER_OUTPUTS:
                message = f"ill-conditioned: the outputs are off by {drawn.outputs_differ:.2g}"
                return CheckResult(self.dtype, ILL_CONDITIONED, f"{message} already, at {case}")
            if message:
                return CheckResult(self.dtype, FAILED, f"wrong: {message}", picture=picture)
            coarse = max(coarse, bound)
            if self.dtype in ("bfloat16", "float16") and (message := self._long_sums(drawn)):
                return CheckResult(self.dtype, FAILED, f"wrong: {message}")
        return self._factors(cases[-1], coarse)

    def _drawn(self, case: Case) -> Drawn:
        low = BackwardCase(self.problem, case, self.limit, self.dtype)
        high = BackwardCase(self.problem, case, self.limit)
        return Drawn(low, high, UNIT_OF[self.dtype])

    def _not_finite(self, drawn: Drawn) -> CheckResult:
        case = drawn.low.case
        largest = largest_value(drawn.high, *drawn.given)
        if largest > 0.5 * LARGEST[self.dtype]:
            message = f"ill-conditioned: {largest:.2g} occurs, which overflows, at {case}"
            return CheckResult(self.dtype, ILL_CONDITIONED, message)
        place = next(p for p, value in drawn.computed.items() if not np.isfinite(value).all())
        name, size = drawn.low.name_of(place), np.abs(drawn.exact[place]).max()
        message = (
            f"wrong: the gradient of {name} is not finite, in float64 it is up to {size:.2g}, "
            f"at {case}"
        )
        return CheckResult(self.dtype, FAILED, message)

    def _entries(self, drawn: Drawn) -> tuple[str, float, Finding | None]:
        """Return a message on the worst entry beyond its bound, the usual bound, and a picture."""
        begun, runs = time.process_time(), []
        for seed in range(DISTURBED_RUNS):
            runs.append(drawn.disturbed(seed))
            if len(runs) >= FEWEST_RUNS and time.process_time() - begun > self.seconds:
                break
        coarse = 0.0
        for place, exact in drawn.exact.items():
            computed, name = drawn.computed[place], drawn.low.name_of(place)
            if coarser := coarser_dtype(computed, exact, self.dtype):
                message = (
                    f"the gradient of {name} was rounded to {coarser} in between: each of its "
                    f"entries is a {coarser} number, at {drawn.low.case}"
                )
                return message, 0.0, None
            of_place = [run[place] for run in runs]
            bounds = entry_bounds(computed, exact, of_place, self.dtype, drawn.unit)
            off, size = np.abs(computed - exact), float(np.abs(exact).max(initial=0.0))
            coarse = max(coarse, float(np.median(bounds)) / size if size else 0.0)
            if np.isnan(bounds).any() or (off <= bounds).all():
                continue
            worst = np.unravel_index(int(np.argmax(off - bounds)), off.shape)
            index = ", ".join(map(str, worst))
            message = (
                f"the gradient of {name}[{index}] is {computed[worst]:.4g}, "
                f"exactly {exact[worst]:.4g}; rounding explains {bounds[worst]:.2g}, "
                f"at {drawn.low.case}"
            )
            picture = Finding(
                name, WRONG, 0.0, computed=computed, expected=exact, allowed=bounds, size=size
            )
            return message, coarse, picture
        return "", coarse, None

    def _long_sums(self, drawn: Drawn) -> str:
        """Return a message on a gradient that sums of many terms in this dtype have made coarse."""
        wide, terms = gradients_with_wide_sums(drawn.low)
        if terms < LONG_SUM:
            return ""
        for place, exact in drawn.exact.items():
            if place not in wide or not exact.any():
                continue
            size = rms(exact)
            here = rms(drawn.computed[place] - exact)
            least = max(rms(wide[place] - exact), ROUNDED_ONCE * drawn.unit * size)
            if here > TIMES_LARGER * least:
                return (
                    f"a sum of {terms} terms is accumulated in {self.dtype}: the gradient of "
                    f"{drawn.low.name_of(place)} is off by {here / size:.2g}, with totals in "
                    f"float32 by {least / size:.2g}, at {drawn.low.case}"
                )
        return ""

    def _factors(self, case: Case, coarse: float) -> CheckResult:
        """Look for a factor that all entries of an input's gradient have in common."""
        draws: list[Drawn] = []
        shared: list[list[Gradients]] = [[] for _ in range(SHARED_SEEDS)]
        bounds: dict[str, FactorBound] = {}
        for drawn in self._inputs(case):
            draws.append(drawn)
            if len(draws) <= FEWEST_INPUTS:
                for seed, row in enumerate(shared):
                    row.append(drawn.disturbed(seed))
            if len(draws) >= FEWEST_INPUTS and len(draws).bit_count() == 1:
                bounds = self._bounds(draws, shared)
                if all(bound.explained <= GOAL[self.dtype] for bound in bounds.values()):
                    break
        if not bounds:
            return CheckResult(self.dtype, REFUSED, f"too few finite gradients at {case}")
        inputs = f"{len(draws)} inputs at {case}"
        for name, bound in bounds.items():
            if bound.explained <= TOO_COARSE and bound.is_wrong:
                message = (
                    f"wrong: the gradient of {name} has a factor of {1 + bound.delta:.7g}, "
                    f"rounding explains 1 ± {bound.explained:.2g} ({inputs})"
                )
                return CheckResult(self.dtype, FAILED, message)
        ill = [name for name, bound in bounds.items() if bound.explained > TOO_COARSE]
        if ill:
            message = f"in {', '.join(ill)} rounding alone can be as large as the gradient"
            return CheckResult(self.dtype, ILL_CONDITIONED, message)
        most = max(bound.explained for bound in bounds.values())
        message = (
            f"rounding: no factor beyond 1 ± {most:.1g} ({inputs}), no entry off by more than "
            f"{coarse:.1g} of the largest"
        )
        return CheckResult(self.dtype, PASSED, message)

    def _bounds(
        self, draws: Sequence[Drawn], shared: Sequence[Sequence[Gradients]]
    ) -> dict[str, FactorBound]:
        found = {}
        for place in draws[0].exact:
            exact = [drawn.exact[place] for drawn in draws]
            found[draws[0].low.name_of(place)] = factor_bound(
                [drawn.computed[place] - g for drawn, g in zip(draws, exact, strict=True)],
                exact,
                [[one[place] - g for one, g in zip(row, exact, strict=False)] for row in shared],
                self.dtype,
                UNIT_OF[self.dtype],
            )
        return found

    def _inputs(self, case: Case) -> Iterator[Drawn]:
        """Draw inputs whose gradients are finite: the fewest, and more while there is time."""
        begun = time.process_time()
        for number in range(MOST_INPUTS):
            if number >= FEWEST_INPUTS and time.process_time() - begun > self.seconds:
                return
            drawn = self._drawn(replace(case, seed=case.seed + number))
            if drawn.is_finite:
                yield drawn

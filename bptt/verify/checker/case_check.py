"""Compare a gradient with the best oracle at one case.

Every entry is compared where that is cheap. In larger cases, random projections of each parameter's
gradient are compared first, and single entries only if a projection disagrees.
"""

import math
import time
from collections.abc import Callable
from functools import cached_property

import numpy as np

from .calls import time_left
from .case_result import (
    MUTATES,
    NONDETERMINISTIC,
    RIGHT,
    ROUNDING,
    UNDECIDABLE,
    WRONG,
    CaseResult,
    Finding,
    distance,
    worst_of,
)
from .evaluated_problem import UNITS, make
from .loading import ProblemFactory
from .oracles import choice, differences, rounding
from .oracles.chaos import FINEST, is_chaotic
from .oracles.choice import Oracle, RefutedError
from .oracles.confirmation import ruled_out
from .oracles.contributions import expected_contributions
from .oracles.custom_functions import custom_functions
from .oracles.digits import known_of_worst, scale_of
from .oracles.precision import gradient_is_coarse, gradient_is_single
from .oracles.projections import PROJECTIONS, TOO_VAGUE, Projections, first_place
from .oracles.repeatability import differing_calls, mutations, unused
from .problem import Case

ENTRYWISE_BELOW = 150  # entries of all parameters together
ENTRYWISE_AT_MOST = 1500  # entries, where the caller asks for a comparison of every entry
ENTRIES_SECONDS = 2.0  # for the entries of a parameter whose projections disagree
TIME_FOR_ENTRIES = 0.1  # as a fraction of the time until the deadline
USUAL_SIZE = 6.0  # the largest size at which the units below were measured
# Correct gradients in the drawn problems are within 200 unit roundoffs of the largest entry, except
# where terms cancel; larger errors are compared with an estimate of the actual rounding.
UNITS_ALLOWED = {"float64": 1000.0, "float32": 100.0}
TIMES_THE_NOISE = 16.0
VAGUE_CONTRIBUTIONS = 1e-6  # relative error of per-step contributions by central differences
FAR_OFF = 1e-3  # relative to the largest entry
ROUGHLY = 64.0  # factor by which a rough estimate of rounding may be off


class CaseCheck:
    """The check of one problem at one case.

    `entrywise` asks for a comparison of every entry up to a larger number of entries; `limit` is in
    seconds, for each call; `tolerance` is the permitted relative error.
    """

    def __init__(
        self, factory: ProblemFactory, case: Case, entrywise: bool, limit: float, tolerance: float
    ) -> None:
        self.factory, self.case = factory, case
        self.evaluated = make(factory, case, limit)
        self.rng = np.random.default_rng([case.seed, 10])
        self.entries = sum(value.size for value in self.evaluated.point.values())
        self.entrywise = self.entries <= (ENTRYWISE_AT_MOST if entrywise else ENTRYWISE_BELOW)
        self.tolerance = tolerance
        # Longer sums have larger rounding errors.
        self.leeway = math.prod(max(1.0, size / USUAL_SIZE) for size in case.sizes.values())
        self._noise: dict[bool, dict[str, float]] = {}

    def result(self) -> CaseResult:
        evaluated = self.evaluated
        self.computed = evaluated.gradient()
        for verdict, message in (
            (MUTATES, mutations(evaluated)),
            (NONDETERMINISTIC, differing_calls(evaluated, self.computed)),
        ):
            if message:
                return CaseResult(
                    self.case, verdict, self.factory.target, dtype=evaluated.dtype, message=message
                )
        findings, oracle = self._compared(None)
        verdict = worst_of([found.verdict for found in findings.values()])
        message = ""
        coarse = oracle.name == choice.DIFFERENCES
        may_be_chaotic = verdict == WRONG and (coarse or self.leeway > 1.0)
        if may_be_chaotic and is_chaotic(evaluated.loss, FINEST if coarse else 0.0):
            verdict = UNDECIDABLE
            message = "the loss is chaotic here: tiny changes of its parameters change it"
        return CaseResult(
            self.case,
            verdict,
            self.factory.target,
            oracle.description,
            evaluated.dtype,
            findings,
            message,
            rejected=tuple(oracle.rejected),
            entries=self.entries,
            arithmetic=self._shown_dtype(oracle),
            unused=unused(evaluated.loss) if verdict == WRONG else (),
            custom_functions=self.custom_functions,
        )

    def _compared(self, oracle: Oracle | None) -> tuple[dict[str, Finding], Oracle]:
        """Compare all parameters; if central differences refute the oracle, use them instead."""
        try:
            if self.evaluated.problem.fold is not None:
                return self._folded(oracle)
            oracle = oracle or choice.choose(self.evaluated.loss, self.rng)
            self.entrywise = self.entrywise and self._has_time_for_entries(oracle)
            return {name: self._parameter(name, oracle) for name in self.evaluated.point}, oracle
        except RefutedError as refuted:
            return self._compared(refuted.oracle.replaced(refuted.reason))

    @cached_property
    def custom_functions(self) -> tuple[str, ...]:
        return custom_functions(self.evaluated.loss)

    @cached_property
    def arithmetic(self) -> str:
        """The dtype that the gradient is computed in; determined only if it is needed."""
        single = gradient_is_single(self.evaluated, self.computed)
        return "float32" if single else self.evaluated.dtype

    def _shown_dtype(self, oracle: Oracle) -> str:
        known = self.__dict__.get("arithmetic", self.evaluated.dtype)
        return "float32" if "float32" in (known, oracle.arithmetic) else known

    def _parameter(self, name: str, oracle: Oracle) -> Finding:
        if oracle.gradient is not None or self.entrywise:
            return self._entries(name, oracle)
        allowed = self._allowed(oracle, 1.0, self.evaluated.dtype)
        projections = Projections(name, self.computed[name], oracle, allowed, self.rng)
        seen = projections.known_if_right(self._shown_dtype(oracle))
        if seen is not None:
            said = f"{PROJECTIONS} projections"
            return Finding(name, RIGHT, seen.digits, said, limit=seen.limit)
        seconds = self.computed[name].size * projections.seconds
        few = self.entries <= ENTRYWISE_AT_MOST and seconds <= TIME_FOR_ENTRIES * time_left()
        if few or seconds <= ENTRIES_SECONDS:
            return self._entries(name, oracle)
        return self._one_entry(name, oracle, projections)

    def _has_time_for_entries(self, oracle: Oracle) -> bool:
        if self.entries <= ENTRYWISE_BELOW or oracle.gradient is not None:
            return True
        begun = time.monotonic()
        oracle.slope(differences.astray(oracle.loss, self.rng))
        return self.entries * (time.monotonic() - begun) <= TIME_FOR_ENTRIES * time_left()

    def _allowed(self, oracle: Oracle, size: float, arithmetic: str) -> float:
        allowed = UNITS_ALLOWED[arithmetic] * UNITS[arithmetic]
        exact_but_single = oracle.name == choice.COMPLEX and oracle.arithmetic == "float32"
        if exact_but_single or (oracle.unit > 2.0**-53 and oracle.name == choice.AUTOGRAD):
            allowed += UNITS_ALLOWED["float32"] * oracle.unit
        if oracle.name == choice.DIFFERENCES and self.evaluated.problem.fold is not None:
            allowed += VAGUE_CONTRIBUTIONS  # their sums are not confirmed with other step sizes
        return (allowed * self.leeway + self.tolerance) * size

    def _one_entry(self, name: str, oracle: Oracle, projections: Projections) -> Finding:
        """Judge a parameter with too many entries by the one that projections find to be worst."""
        computed = self.computed[name]
        finite = np.isfinite(computed)
        place = projections.wrong_entry() if finite.all() else first_place(~finite)
        expected, errors = np.where(finite, computed, 0.0), np.zeros(computed.shape)
        expected[place], errors[place] = oracle.slope(differences.entry(oracle.loss, name, place))
        found = self._judge(name, expected, errors, oracle)
        entry = place, float(computed[place]), float(expected[place])
        if found.verdict != RIGHT:
            why = found.why or "found by projections; no other entry was compared"
            return Finding(
                name, found.verdict, found.digits, why, size=found.size, limit=found.limit,
                entry=entry,
            )  # fmt: skip
        noise = TIMES_THE_NOISE * self._rounding(name, oracle)
        verdict = ROUNDING if projections.within(noise) else UNDECIDABLE
        return Finding(name, verdict, found.digits, "projections differ by more than an entry does")

    def _entries(self, name: str, oracle: Oracle) -> Finding:
        point = self.evaluated.point[name]
        expected, errors = np.zeros(point.shape), np.zeros(point.shape)
        if oracle.gradient is not None:
            expected = oracle.gradient[name]
        else:
            for place in np.ndindex(point.shape):
                direction = differences.entry(oracle.loss, name, place)
                expected[place], errors[place] = oracle.slope(direction)
        return self._judge(name, expected, errors, oracle)

    def _judge(
        self, name: str, expected: np.ndarray, errors: np.ndarray, oracle: Oracle
    ) -> Finding:
        """Judge one parameter, given its expected gradient and the oracle's errors."""
        computed = self.computed[name]
        size = float(np.abs(expected).max(initial=0.0))
        off = distance(computed, expected)
        scale = scale_of(self.evaluated, self.computed, errors, size)
        allowed = np.asarray(self._allowed(oracle, size, self.evaluated.dtype) + 4.0 * errors)

        def finding(verdict: str, why: str = "") -> Finding:
            dtype = self._shown_dtype(oracle)
            seen = known_of_worst(off, errors, scale, oracle, dtype)
            if self.custom_functions and oracle.name == choice.AUTOGRAD:
                seen = seen.confirmed(name, oracle, dtype)
            return Finding(
                name,
                verdict,
                seen.digits,
                why,
                computed,
                expected,
                allowed,
                errors,
                seen.size,
                seen.limit,
            )

        if not np.isfinite(expected).all():
            return finding(UNDECIDABLE, "the oracle isn't finite")
        if not np.isfinite(computed).all():
            return finding(WRONG, "not finite")
        if not (off <= allowed).all() and self.arithmetic != self.evaluated.dtype:
            allowed = np.asarray(self._allowed(oracle, size, self.arithmetic) + 4.0 * errors)
        if (off <= allowed).all():
            if errors.max(initial=0.0) > TOO_VAGUE * max(scale, np.abs(computed).max(initial=0.0)):
                return finding(UNDECIDABLE, f"{oracle.name} can't decide: the loss is too noisy")
            return finding(RIGHT)
        rough = ROUGHLY * self._rounding(name, oracle, thorough=False)
        largest = float(off.max())
        if largest > max(FAR_OFF * scale, TIMES_THE_NOISE * rough):
            # Rounding can't explain this, so a rough estimate of it is enough.
            allowed += TIMES_THE_NOISE * rough / ROUGHLY
            return self._unless_ruled_out(name, expected, allowed, oracle, finding)
        beyond = self._rounding(name, oracle)
        if not np.isfinite(beyond):
            return finding(UNDECIDABLE, "rounding alone makes the gradient overflow")
        allowed += TIMES_THE_NOISE * beyond
        if (off <= allowed).all():
            return finding(ROUNDING, "the error is explained by rounding in this code")
        if gradient_is_coarse(self.evaluated, self.computed):
            coarse = self._allowed(oracle, size, "float32") + 4.0 * errors
            if (off <= coarse).all():
                return finding(ROUNDING, "the error is explained by float32 inside this code")
        return self._unless_ruled_out(name, expected, allowed, oracle, finding)

    def _unless_ruled_out(
        self,
        name: str,
        expected: np.ndarray,
        allowed: np.ndarray,
        oracle: Oracle,
        finding: Callable[..., Finding],
    ) -> Finding:
        if self.evaluated.problem.fold is not None:
            return finding(WRONG)
        return finding(
            *ruled_out(name, self.computed[name], expected, allowed, oracle) or (WRONG, "")
        )

    def _rounding(self, name: str, oracle: Oracle, thorough: bool = True) -> float:
        if thorough not in self._noise:
            self._noise[thorough] = rounding.gradient_noise(
                self.evaluated, self.computed, self.arithmetic, thorough=thorough
            )
        # The oracle may be computed in a higher precision, and the gradient's own rounding may be
        # invisible (in another library, in Python floats): so scale the oracle's up as well.
        coarser = UNITS[self.arithmetic] / UNITS[oracle.dtype]
        keys = [name]
        if self.evaluated.problem.fold is not None:
            keys = [f"{name}@{t}" for t in range(self.case.sizes["T"])]
        of_oracle = sum(rounding.oracle_noise(oracle, key, thorough=thorough) for key in keys)
        return self._noise[thorough][name] + coarser * of_oracle

    def _folded(self, oracle: Oracle | None) -> tuple[dict[str, Finding], Oracle]:
        """Compare with the problem's fold of the expected per-step contributions."""
        contributions, errors, oracle = expected_contributions(
            self.evaluated, self.case, self.rng, oracle
        )
        expected = self.evaluated.folded(contributions)
        findings = {
            name: self._judge(name, expected[name], errors[name], oracle)
            for name in self.evaluated.point
        }
        for name, found in findings.items():
            if found.verdict != WRONG or oracle.name == choice.DIFFERENCES:
                continue
            for t in range(len(contributions)):
                direction = differences.entry(oracle.loss, f"{name}@{t}", found.worst)
                if choice.contradicted(oracle, direction):
                    raise RefutedError(oracle, f"it disagrees with {choice.DIFFERENCES} in {name}")
        return findings, oracle

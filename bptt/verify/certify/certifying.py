"""Certify the hand-written gradient of anyone's NumPy code."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bptt.errors import InputError

from ..checker.calls import CaseError
from ..checker.evaluated_problem import UNITS, Arrays, EvaluatedProblem, make
from ..checker.loading import ProblemFactory, load
from ..checker.problem import Case, Skip
from .gradient_certificate import (
    INACCURATE,
    RIGHT,
    UNDECIDED,
    WRONG,
    Entry,
    GradientCertificate,
    ParameterCertificate,
)
from .tape.trouble import narrow_casts_noted

if TYPE_CHECKING:  # python-flint is needed only where something is certified
    from .enclosing import Distances, Enclosed

SIZE = 4  # of each size that isn't given
MOST_BITS = 4096
MOST_DIGITS = 40.0  # the enclosures are that sharp
CONSTANTS = 2.0**10  # unit roundoffs: constants of the code, such as 1 / n, are rounded numbers
SHOWN = 8  # wrong entries
TIME_LIMIT = 600.0


def certify_gradient(
    target: str | Callable[..., Any],
    sizes: Mapping[str, int] | None = None,
    *,
    seed: int = 0,
    scale: float = 1.0,
    digits: float | None = None,
    most_bits: int = MOST_BITS,
    time_limit: float = TIME_LIMIT,
) -> GradientCertificate:
    """Prove how many digits of a hand-written gradient are right, at one point.

    `target` is a function problem(T, H, ..., rng) that returns a GradientProblem over NumPy
    arrays, or the text "file.py:problem". `sizes` are the function's sizes (4 for those left out),
    `seed` that of its rng; the parameters are multiplied by `scale`. `digits` is the number of
    digits that must be right, relative to the largest entry of each parameter; by default the
    formula must be right to the rounding of its constants, and its result to half the digits of its
    dtype. `most_bits` is
    the highest precision tried, `time_limit` the seconds that each call may take.

        certificate = certify_gradient("examples/gru.py:problem", {"T": 4, "H": 4})
        assert certificate.verdict == "proved right"
        print(certificate.digits)

    The loss and the gradient run on balls: numbers with error bounds, exact numbers of the
    parameters at the start. Constants of the code, and what it computes from them alone, count as
    exact. Raises InputError where there is no such problem, or its loss can't run on balls.
    """
    started = time.monotonic()
    if digits is not None and not 0.0 < digits <= MOST_DIGITS:
        raise InputError(f"digits must be above 0 and at most {MOST_DIGITS:g}, got {digits:g}")
    factory = load(target, time_limit)
    case = Case(_sizes(factory, sizes or {}), seed, scale)
    evaluated = _made(factory, case, time_limit)
    return _certified(factory, case, evaluated, digits, most_bits, started)


def _sizes(factory: ProblemFactory, given: Mapping[str, int]) -> dict[str, int]:
    if not callable(factory.function):
        raise InputError(f"{factory.target} is no function that makes problems")
    unknown = given.keys() - set(factory.size_names)
    if unknown:
        raise InputError(
            f"{factory.target} has no size {', '.join(sorted(unknown))}; "
            f"it has {', '.join(factory.size_names) or 'none'}"
        )
    return {name: given.get(name, SIZE) for name in factory.size_names}


def _made(factory: ProblemFactory, case: Case, limit: float) -> EvaluatedProblem:
    """Make the problem. Raises InputError where that fails, or its parameters aren't NumPy's."""
    try:
        evaluated = make(factory, case, limit)
    except Skip as skip:
        raise InputError(f"{factory.target} skips {case}: {skip}; choose other sizes") from skip
    except CaseError as trouble:
        raise InputError(_said(factory, case, trouble)) from trouble
    if evaluated.loss.device is not None:
        raise InputError(
            f"{factory.target}: expected NumPy arrays as parameters, got torch tensors, which "
            "can't hold balls; bptt verify takes them"
        )
    return evaluated


def _said(factory: ProblemFactory, case: Case, trouble: CaseError) -> str:
    return f"{factory.target} at {case}: {trouble.message}\n{trouble.detail}".rstrip()


def _tolerances(dtype: str, digits: float | None) -> tuple[float, float]:
    """Return those of the formula and of its floating-point result."""
    if digits is not None:
        return 10.0**-digits, 10.0**-digits
    return CONSTANTS * UNITS[dtype], UNITS[dtype] ** 0.5


@np.errstate(all="ignore")  # gradients may hold any numbers
def _certified(
    factory: ProblemFactory,
    case: Case,
    evaluated: EvaluatedProblem,
    digits: float | None,
    most_bits: int,
    started: float,
) -> GradientCertificate:
    from . import enclosing

    with narrow_casts_noted() as narrow:
        try:
            computed, loss = evaluated.gradient(), evaluated.loss(evaluated.point)
            expected = enclosing.enclose_gradient(evaluated, case.sizes.get("T"), most_bits)
        except CaseError as trouble:
            raise InputError(_said(factory, case, trouble)) from trouble
        except enclosing.CantCertifyError as trouble:
            raise InputError(f"{factory.target} at {case}: {trouble}") from trouble
        notes, by_formula = _notes(expected), None
        if not enclosing.is_near(loss, expected.loss):
            notes.append(f"In {evaluated.dtype} the loss is {loss:.9g}.")
        try:
            formula = enclosing.enclose_formula(evaluated, expected, most_bits)
            by_formula = enclosing.distances_of(formula.values, expected)
        except enclosing.CantCertifyError as trouble:
            notes.append(f"The gradient's code was judged by its result only: {trouble}.")
    dtype = "float32" if narrow else evaluated.dtype
    if dtype != evaluated.dtype:
        notes.append(f"Numbers of float32 are exact here, as in {min(narrow)}.")
    tolerances = _tolerances(dtype, digits)
    by_float = enclosing.distances_of_floats(computed, expected)
    verdict = UNDECIDED if expected.branched else _verdict(by_formula, by_float, tolerances)
    return GradientCertificate(
        factory.target, case, evaluated.dtype, verdict, enclosing.shown(expected.loss),
        enclosing.radius(expected), expected.bits, time.monotonic() - started, tolerances,
        tuple(_parameters(computed, by_formula, by_float)),
        _wrong(verdict, computed, expected, by_formula, by_float, tolerances), tuple(notes),
    )  # fmt: skip


def _notes(expected: "Enclosed") -> list[str]:
    ties = expected.branched if expected.sharp else expected.ties
    if expected.sharp or ties:
        return [f"The derivative may not exist: {tie}." for tie in ties]
    finite = expected.loss.is_finite()
    what = "The gradient can't be enclosed" if finite else "The loss isn't a finite number"
    return [f"{what} with {expected.bits} bits."]


Compared = Mapping[str, "Distances"]


def _verdict(
    by_formula: Compared | None, by_float: Compared, tolerances: tuple[float, float]
) -> str:
    formula = _judged(by_formula, tolerances[0]) if by_formula is not None else RIGHT
    computed = _judged(by_float, tolerances[1])
    if formula == WRONG:
        return WRONG
    if computed == WRONG:
        return INACCURATE if by_formula is not None and formula == RIGHT else WRONG
    return UNDECIDED if UNDECIDED in (formula, computed) else RIGHT


def _judged(distances: Compared, tolerance: float) -> str:
    if any((one.lower > tolerance * one.scale).any() for one in distances.values()):
        return WRONG
    right = all((one.upper <= tolerance * one.scale).all() for one in distances.values())
    return RIGHT if right else UNDECIDED


def _parameters(
    computed: Arrays, by_formula: Compared | None, by_float: Compared
) -> Iterator[ParameterCertificate]:
    for name, value in computed.items():
        one = by_float[name]
        counted = one.size > 0.0
        own = _digits(one.upper[counted], one.size[counted])
        yield ParameterCertificate(
            name,
            value.shape,
            None if by_formula is None else _worst(by_formula[name]),
            _worst(one),
            float(np.median(own)) if counted.any() else float("nan"),
        )


def _worst(one: "Distances") -> float:
    return float(_digits(one.upper, np.float64(one.scale)).min(initial=MOST_DIGITS))


def _digits(error: np.ndarray, size: Any) -> np.ndarray:
    found = np.clip(-np.log10(error / size), 0.0, MOST_DIGITS)
    return np.where(np.isnan(found), 0.0, found)


def _wrong(
    verdict: str,
    computed: Arrays,
    expected: "Enclosed",
    by_formula: Compared | None,
    by_float: Compared,
    tolerances: tuple[float, float],
) -> tuple[Entry, ...]:
    """List the entries that are proved wrong, largest error first."""
    from . import enclosing

    found = []
    of_formula = by_formula is not None and verdict != INACCURATE
    for name, value in computed.items():
        one, tolerance = (
            (by_formula[name], tolerances[0])
            if by_formula is not None and of_formula
            else (by_float[name], tolerances[1])
        )
        errors = one.lower / one.scale
        for index in np.argsort(-errors)[:SHOWN].tolist():
            if errors[index] > tolerance:
                place = tuple(map(int, np.unravel_index(index, value.shape)))
                exact = enclosing.shown(expected.values[name][0, index])
                found.append(
                    Entry(name, place, float(value.flat[index]), exact, float(errors[index]))
                )
    return tuple(sorted(found, key=lambda entry: -entry.error)[:SHOWN])

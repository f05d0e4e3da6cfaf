"""Enclose the loss of a user's problem and its gradient, and what the hand-written code computes.

The user's code runs on balls. The gradient of its loss is the exact one, of the exact numbers that
the parameters are. The code of the hand-written gradient runs on balls too: without rounding, what
is wrong in it is the formula.

An array of n balls is a matrix of one row here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bptt.errors import InputError

from ..checker.calls import CaseError, call
from ..checker.evaluated_problem import Arrays, EvaluatedProblem, Loss
from ..checker.problem import GradientProblem

try:
    from flint import arb, arb_mat, ctx

    from .enclosure import magnitudes, to_balls
    from .tape.ball import Ball, Tape, lift
    from .tape.dispatch import BallArray, array_of
    from .tape.running import balls_kept
    from .tape.trouble import NotInBallsError, UndecidedError
except ImportError as error:
    raise InputError(
        f"ball arithmetic needs python-flint ({error}): pip install python-flint"
    ) from error

FIRST_BITS = 256
ACCURACY = 1e-40  # of an entry's enclosure, relative to the largest entry of its parameter

FAR = 1e-4

Rows = dict[str, arb_mat]


@dataclass(frozen=True)
class Distances:
    """Rigorous bounds on the error of each entry of one parameter, and on its size from below.

    `scale` is a lower bound on the largest entry of the parameter; if that may be 0, of all.
    """

    lower: np.ndarray
    upper: np.ndarray
    size: np.ndarray
    scale: float


class CantCertifyError(Exception):
    """The code can't run on balls; the message says what it does, and where."""


@dataclass(frozen=True)
class Enclosed:
    """Balls by parameter, at a precision in bits.

    `sharp` says if every ball is as small as requested. `ties` are the lines where the derivative
    may not exist; `branched` those of them where the code took a branch, which makes no ball wide.
    With `hopeless`, more bits won't make the balls smaller.
    """

    values: Rows
    bits: int
    loss: arb
    ties: tuple[str, ...] = ()
    branched: tuple[str, ...] = ()
    hopeless: bool = False
    sharp: bool = True


def enclose_gradient(evaluated: EvaluatedProblem, T: int | None, most_bits: int) -> Enclosed:
    """Enclose the gradient that the hand-written one should be: with `fold`, the folded one.

    Raises CantCertifyError where the loss can't run on balls, or stays undecided.
    """
    if evaluated.problem.fold is None:
        return _refined(
            lambda bits: _differentiated(evaluated.loss, evaluated.problem, bits),
            FIRST_BITS,
            most_bits,
        )
    return _refined(lambda bits: _folded(evaluated, T, bits), FIRST_BITS, most_bits)


def enclose_formula(evaluated: EvaluatedProblem, expected: Enclosed, most_bits: int) -> Enclosed:
    """Enclose what the code of the hand-written gradient computes, without rounding.

    Raises CantCertifyError as `enclose_gradient` does.
    """

    def run(bits: int) -> Enclosed:
        values = _balls(evaluated.point, Tape(recording=False))
        given = _call(evaluated, evaluated.problem.gradient, values, "gradient")
        return Enclosed(_rows(given, evaluated.point), bits, expected.loss)

    return _refined(run, expected.bits, most_bits, largest(expected.values))


def _refined(
    run: Callable[[int], Enclosed],
    bits: int,
    most_bits: int,
    sizes: Mapping[str, float] | None = None,
) -> Enclosed:
    """Double the precision until everything is decided and sharp, or `most_bits` are reached.

    Sharp is relative to `sizes`; None stands for those of the result.
    """
    while True:
        bits = min(bits, most_bits)
        try:
            with ctx.workprec(bits):
                found = run(bits)
        except UndecidedError as trouble:
            if bits == most_bits:
                raise CantCertifyError(f"undecided with {bits} bits: {trouble}") from trouble
        else:
            if _is_sharp(found.values, sizes or largest(found.values)):
                return found
            if found.hopeless or bits == most_bits:
                return replace(found, sharp=False)
        bits *= 2


def distances_of(values: Rows, expected: Enclosed) -> dict[str, Distances]:
    """Return the distances of enclosed values from the expected ones."""
    scales = largest(expected.values)
    found = {}
    with ctx.workprec(expected.bits):
        for name, row in expected.values.items():
            difference = values[name] - row
            lower = magnitudes(difference, arb.abs_lower, -1)[0]
            upper = magnitudes(difference, arb.abs_upper, 1)[0]
            size = magnitudes(row, arb.abs_lower, -1)[0]
            found[name] = Distances(lower, upper, size, scales[name])
    return found


def distances_of_floats(computed: Arrays, expected: Enclosed) -> dict[str, Distances]:
    """Return the distances of computed arrays; they are infinite where one isn't finite."""
    finite = {name: np.isfinite(value).ravel() for name, value in computed.items()}
    exact = {
        name: to_balls(np.where(finite[name], value.ravel(), 0.0)[None, :])
        for name, value in computed.items()
    }
    found = distances_of(exact, expected)
    for name, distances in found.items():
        for bound in (distances.lower, distances.upper):
            bound[~finite[name]] = np.inf
    return found


def _is_sharp(values: Rows, sizes: Mapping[str, float]) -> bool:
    return all(
        bool((magnitudes(row, arb.rad, 1) <= ACCURACY * sizes[name]).all())
        for name, row in values.items()
    )


def largest(values: Rows) -> dict[str, float]:
    """Return a lower bound on the largest entry of each parameter; of all, where it may be 0."""
    own = {
        name: float(magnitudes(row, arb.abs_lower, -1).max(initial=0.0))
        for name, row in values.items()
    }
    whole = max(own.values()) or 1.0
    return {name: size or whole for name, size in own.items()}


def _differentiated(loss: Loss, problem: GradientProblem, bits: int) -> Enclosed:
    theirs = problem.loss, problem.loss_of_steps or problem.loss, problem.gradient
    tape = Tape()
    values = _balls(loss.point, tape)
    variables = {
        name: [ball.index for ball in value.ravel().tolist()] for name, value in values.items()
    }
    result = _loss(loss, values, theirs)
    if result.tape is not tape and result.tape is not None:
        raise CantCertifyError("the loss is a number that an earlier call kept")
    adjoints = tape.gradient(result) if result.tape is tape else [None] * tape.count
    rows = {
        name: arb_mat(1, len(indices), [_or_zero(adjoints[index]) for index in indices])
        for name, indices in variables.items()
    }
    ties, branched = tuple(sorted(tape.ties)), tuple(sorted(tape.branched))
    return Enclosed(rows, bits, result.value, ties, branched, bool(ties) and tape.exact)


def _or_zero(adjoint: arb | None) -> arb:
    return arb(0) if adjoint is None else adjoint


def _loss(loss: Loss, values: dict[str, BallArray], theirs: tuple[Callable[..., Any], ...]) -> Ball:
    with balls_kept(*theirs):
        result = _guarded(lambda: loss.evaluate(values))
    result = result[()] if isinstance(result, np.ndarray) and result.ndim == 0 else result
    try:
        return lift(result)
    except NotInBallsError:
        raise CantCertifyError(f"the loss gave {type(result).__name__} {result!r:.60}") from None


def _folded(evaluated: EvaluatedProblem, T: int | None, bits: int) -> Enclosed:
    """Fold the contributions of the steps, with the problem's own code on balls."""
    fold = evaluated.problem.fold
    if fold is None or T is None or evaluated.problem.loss_of_steps is None:
        raise CantCertifyError("a fold needs loss_of_steps and a size called T")
    found = _differentiated(evaluated.loss_of_copies(T), evaluated.problem, bits)
    constants = Tape(recording=False)
    contributions = [
        {
            name: array_of(
                [constants.variable(entry) for entry in found.values[f"{name}@{t}"].entries()],
                value.shape,
            )
            for name, value in evaluated.point.items()
        }
        for t in range(T)
    ]
    given = _call(evaluated, fold, contributions, "fold")
    return replace(found, values=_rows(given, evaluated.point))


def _call(evaluated: EvaluatedProblem, function: Callable[..., Any], values: Any, what: str) -> Any:
    with balls_kept(function, evaluated.problem.loss):
        return _guarded(lambda: call(what, function, values, limit=evaluated.limit))


def _guarded(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except NotInBallsError as trouble:
        raise CantCertifyError(str(trouble)) from trouble
    except CaseError as trouble:
        last = trouble.detail.strip().splitlines()
        where = next((line.strip() for line in reversed(last) if line.startswith("  File")), "")
        raise CantCertifyError(f"on balls, {trouble.message} {where}".rstrip()) from trouble


def _balls(point: Arrays, tape: Tape) -> dict[str, BallArray]:
    return {
        name: array_of(
            [tape.variable(arb(float(number))) for number in value.ravel().tolist()], value.shape
        )
        for name, value in point.items()
    }


def _rows(given: Any, point: Arrays) -> Rows:
    """Return the balls of a gradient's arrays, of the shapes that the float64 call had."""
    if not isinstance(given, dict) or given.keys() != point.keys():
        raise CantCertifyError("on balls, it gives other names than on floats")
    rows = {}
    for name, value in point.items():
        array = np.zeros(value.shape) if given[name] is None else np.asarray(given[name], object)
        if array.shape != value.shape:
            raise CantCertifyError(f"on balls, {name} has shape {array.shape}, not {value.shape}")
        try:
            balls = [lift(entry).value for entry in array.ravel().tolist()]
        except NotInBallsError as trouble:
            raise CantCertifyError(str(trouble)) from trouble
        rows[name] = arb_mat(1, len(balls), balls)
    return rows


def is_near(number: float, ball: arb) -> bool:
    """Whether a number is the ball's to half the digits of float32."""
    return bool(abs(arb(number) - ball) <= FAR * (1 + abs(ball))) if np.isfinite(number) else False


def radius(found: Enclosed) -> float:
    """Return the largest radius of an entry, rounded up."""
    return max(float(magnitudes(row, arb.rad, 1).max(initial=0.0)) for row in found.values.values())


def shown(ball: arb) -> str:
    """Format a ball: those of its first 17 digits that are certain."""
    return ball.str(17, radius=False)

"""Enclose every entry of the exact gradient in an interval that provably contains it.

Everything is computed in balls (a midpoint and a radius, rounded outwards), so that the result is
no estimate: the exact gradient of the exact function of the given weights lies inside. The
precision is doubled until the balls are as small as requested.

V symbols, H hidden units, T characters in a window; R and C are the rows and columns of any one
parameter.

Source: Johansson (2017), Arb: Efficient Arbitrary-Precision Midpoint-Radius Interval Arithmetic.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from reference import Parameters
from reference.checks import check_window

from ...errors import InputError

try:
    from flint import arb, arb_mat, ctx

    from . import ball_clip
    from .enclosure import Enclosure, to_balls
except ImportError as error:
    raise InputError(
        f"ball arithmetic needs python-flint ({error}): pip install python-flint"
    ) from error

GUARD_BITS = 256  # beyond those of the radius: each step widens the balls by the size of Wha
DECIDING_DOUBLINGS = 2  # of the precision, to decide clips after the radius is reached
MOST_BITS = 1 << 14


@dataclass(frozen=True)
class _Passes:
    """The results of both passes; `factors` are left and right, with gradient = left @ right.T."""

    loss: arb
    factors: dict[str, tuple[arb_mat, arb_mat]]
    initial_state: arb_mat


def enclose(
    parameters: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
    *,
    clip: float | None = None,
    radius: float = 1e-20,
    final_cotangent: Float[np.ndarray, "H 1"] | None = None,
) -> Enclosure:
    """Enclose each entry of the gradient of the window's loss, within `radius` (absolute).

    The given weights and state are exact, in any floating-point format. With `clip`, the exact
    contributions are folded with the running clip, from the last step to the first.
    `final_cotangent` is the gradient of a later loss with respect to the window's final state.

    Raises ValueError for a window that doesn't fit, a weight that isn't finite, a negative clip or
    a radius that isn't positive, ArithmeticError where `MOST_BITS` bits are not enough.
    """
    _check(parameters, inputs, targets, initial_state, clip, radius)

    bits = GUARD_BITS + max(0, math.ceil(-math.log2(radius)))
    doublings = 0
    while True:
        with ctx.workprec(bits):
            passes = _passes(parameters, inputs, targets, initial_state, final_cotangent)
            enclosure = _plain(passes, bits)
            # Folding balls that are too wide would take long: every sum may be near the clip.
            if clip is not None and enclosure.radius <= radius:
                enclosure = _clipped(passes, clip, bits)
        if enclosure.radius <= radius:
            if doublings == DECIDING_DOUBLINGS or not enclosure.any_undecidable:
                return enclosure
            doublings += 1
        bits *= 2
        if bits > MOST_BITS:
            raise ArithmeticError(
                f"the gradient can't be enclosed within {radius}: the radius is still "
                f"{enclosure.radius:.3g} at {bits // 2} bits"
            )


def enclose_contributions(
    parameters: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
    *,
    bits: int = 256,
) -> list[dict[str, arb_mat]]:
    """Enclose the contribution of each step to the gradient, from the first step to the last.

    The result is a list of T whole gradients, meant for small windows. Raises ValueError as
    `enclose` does.
    """
    _check(parameters, inputs, targets, initial_state, None, 1.0)
    with ctx.workprec(bits):
        factors = _passes(parameters, inputs, targets, initial_state, None).factors
        return [
            {
                name: _column(left, t) * _column(right, t).transpose()
                for name, (left, right) in factors.items()
            }
            for t in range(len(inputs))
        ]


def _check(
    parameters: Parameters,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_state: np.ndarray,
    clip: float | None,
    radius: float,
) -> None:
    check_window(inputs, targets, initial_state, *parameters)
    for value in (*parameters, initial_state):
        if not np.isfinite(value).all():
            raise ValueError("weights and state must be finite numbers, got NaN or infinity")
    if clip is not None and not 0.0 <= clip < math.inf:
        raise ValueError(f"clip must be None or a finite number of at least 0, got {clip}")
    if not radius > 0.0:
        raise ValueError(f"radius must be positive, got {radius}")


def _passes(
    parameters: Parameters,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_state: np.ndarray,
    final_cotangent: np.ndarray | None,
) -> _Passes:
    Whx, Wha, Wya, bh, by = parameters
    (H, V), T = Whx.shape, len(inputs)
    to_hidden, to_output, bias = to_balls(Wha), to_balls(Wya), to_balls(bh)
    columns = {x: to_balls(Whx[:, [x]]) for x in sorted(set(inputs.tolist()))}

    states, slopes = [to_balls(initial_state)], []
    for x in inputs.tolist():
        h = (to_hidden * states[-1] + columns[x] + bias).entries()
        states.append(arb_mat(H, 1, [value.tanh() for value in h]))
        # 1 - tanh² would cancel for a saturated unit, and leave only a radius.
        slopes.append([value.sech() ** 2 for value in h])
    before, after = _side_by_side(states[:-1]), _side_by_side(states[1:])

    logits = to_output * after + to_balls(by) * arb_mat(1, T, [1] * T)
    losses, dz = zip(
        *(_cross_entropy(_column(logits, t).entries(), int(y)) for t, y in enumerate(targets)),
        strict=True,
    )
    DZ = _side_by_side([arb_mat(V, 1, column) for column in dz])

    from_outputs = to_output.transpose() * DZ
    back_to_hidden = to_hidden.transpose()
    signal = arb_mat(H, 1) if final_cotangent is None else to_balls(final_cotangent)
    dh: list[arb_mat] = []
    for t in reversed(range(T)):
        da = (_column(from_outputs, t) + signal).entries()
        dh.append(arb_mat(H, 1, [s * d for s, d in zip(slopes[t], da, strict=True)]))
        signal = back_to_hidden * dh[-1]
    DH = _side_by_side(dh[::-1])

    ones = arb_mat(1, T, [1] * T)
    one_hot = arb_mat((inputs == np.arange(V)[:, None]).astype(int).tolist())
    factors = {
        "Whx": (DH, one_hot),
        "Wha": (DH, before),
        "Wya": (DZ, after),
        "bh": (DH, ones),
        "by": (DZ, ones),
    }
    return _Passes(sum(losses, arb(0)), factors, signal)


def _cross_entropy(logits: list[arb], y: int) -> tuple[arb, list[arb]]:
    """Return -log softmax(logits)[y] in nats, and its gradient with respect to the logits."""
    shift = max(logits, key=float).mid()  # exact, so it drops out
    exponentials = [(logit - shift).exp() for logit in logits]
    total = sum(exponentials, arb(0))
    slopes = [exponential / total for exponential in exponentials]
    # p - 1, without the cancellation where p is nearly 1
    slopes[y] = -sum((slope for v, slope in enumerate(slopes) if v != y), arb(0))
    return total.log() + shift - logits[y], slopes


def _plain(passes: _Passes, bits: int) -> Enclosure:
    gradients = {name: left * right.transpose() for name, (left, right) in passes.factors.items()}
    nowhere = {
        name: np.zeros((ball.nrows(), ball.ncols()), bool) for name, ball in gradients.items()
    }
    return Enclosure(gradients, passes.initial_state, passes.loss, nowhere, nowhere, bits)


def _clipped(passes: _Passes, clip: float, bits: int) -> Enclosure:
    folds = {
        name: ball_clip.fold(left, right, clip) for name, (left, right) in passes.factors.items()
    }
    return Enclosure(
        {name: fold.value for name, fold in folds.items()},
        passes.initial_state,
        passes.loss,
        {name: fold.undecidable for name, fold in folds.items()},
        {name: fold.clipped for name, fold in folds.items()},
        bits,
    )


def _column(matrix: arb_mat, t: int) -> arb_mat:
    return arb_mat(matrix.nrows(), 1, [matrix[i, t] for i in range(matrix.nrows())])


def _side_by_side(columns: list[arb_mat]) -> arb_mat:
    rows = zip(*(column.entries() for column in columns), strict=True)
    return arb_mat([list(row) for row in rows])

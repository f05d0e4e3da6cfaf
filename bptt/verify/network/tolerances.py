"""Bound the difference of two correct gradients: their rounding errors, entry by entry.

This is a running error analysis (docs/tolerances.md has the derivation): each number of the forward
and the backward pass is accompanied by a bound on the error of any computation of it in floating
point. The clip never increases a bound, since it never increases the difference of two numbers.

V symbols, H hidden units, T characters in a window, B lanes (parallel streams).

Source: Higham (2002), Accuracy and Stability of Numerical Algorithms, chapter 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from reference import Gradients, Parameters, Trace, forward

TANH_EXP_ULPS = 4  # the largest error that vector mathematics libraries guarantee
SLACK = 1.01  # for the rounding of this analysis itself


@dataclass(frozen=True)
class Precision:
    """A floating-point format: unit roundoff, and the smallest number that keeps all its bits."""

    unit: float
    smallest: float

    def gamma(self, operations: int) -> float:
        """Bound the relative error of a number of operations in a row."""
        return operations * self.unit / (1 - operations * self.unit)


FLOAT64 = Precision(2.0**-53, 2.0**-1022)
FLOAT32 = Precision(2.0**-24, 2.0**-126)


@dataclass(frozen=True)
class Bounds:
    """Error bounds: of the gradients, and of the gradient with respect to the initial state."""

    gradients: Gradients
    initial_state: Float[np.ndarray, "H 1"]


def error_bounds(
    parameters: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
    precision: Precision,
    final_cotangent: Float[np.ndarray, "H 1"] | None = None,
    *,
    rounded_first: bool = False,
) -> Bounds:
    """Bound |computed − exact| for a window's gradient computed in the given precision.

    The weights, the state and the cotangent are exact in that precision, or, with `rounded_first`,
    are rounded to it first. `final_cotangent` is the gradient of a later loss with respect to the
    final state. The bound holds for any order of the additions, with or without the running clip.

    Raises ValueError and FloatingPointError as reference.forward does.
    """
    trace = forward(parameters, inputs, targets, initial_state)
    if final_cotangent is None:
        final_cotangent = np.zeros_like(parameters.bh)
    with np.errstate(over="ignore"):
        window = _window_errors(parameters, trace, precision, final_cotangent, int(rounded_first))
        return Bounds(_of_sums([window], len(inputs), precision), window.initial_state * SLACK)


def lanes_error_bounds(
    parameters: Parameters,
    windows: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    precision: Precision,
    *,
    rounded_first: bool = False,
) -> Gradients:
    """Bound |computed − exact| for the gradient of B lanes, as error_bounds does for one window.

    `windows` has the inputs, targets and initial state of each lane. The bound holds for any order
    of the additions over lanes and steps, with or without the running clip after each step.
    """
    traces = [forward(parameters, *window) for window in windows]
    nothing = np.zeros_like(parameters.bh)
    with np.errstate(over="ignore"):
        lanes = [
            _window_errors(parameters, trace, precision, nothing, int(rounded_first))
            for trace in traces
        ]
        return _of_sums(lanes, sum(len(trace.inputs) for trace in traces), precision)


@dataclass(frozen=True)
class _Errors:
    """Bounds for one window: the sums over its steps of the contributions' errors and sizes.

    `initial_state` is the error of the gradient with respect to it.
    """

    contributions: Gradients
    sizes: Gradients
    initial_state: np.ndarray


def _of_sums(windows: Sequence[_Errors], terms: int, precision: Precision) -> Gradients:
    """Bound the errors of the sums of all contributions, which have `terms` terms."""
    gradients = windows[0].sizes.zeros_like()
    for window in windows:
        for total, error, size in zip(gradients, window.contributions, window.sizes, strict=True):
            total += (error + precision.gamma(terms) * size) * SLACK
    return gradients


def _forward_errors(
    parameters: Parameters, trace: Trace, precision: Precision, more: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Bound the errors of the states (T + 1 columns) and of the logit gradients (T columns).

    `more` is the number of roundings of each weight and the initial state before the computation.
    """
    Whx, Wha, Wya, bh, by = (np.abs(value) for value in parameters)
    H = len(Whx)
    unit, smallest = precision.unit, precision.smallest
    states, outputs = [more * (unit * np.abs(trace.states[0]) + smallest)], []
    for t, (x, y) in enumerate(zip(trace.inputs, trace.targets, strict=True)):
        before = np.abs(trace.states[t]) + 2 * states[t]
        in_h = (
            Wha @ states[t]
            + precision.gamma(H + 2 + more) * (Wha @ before + Whx[:, [x]] + bh)
            + (H + 2) * smallest
        )
        a = np.abs(trace.states[t + 1])
        in_tanh = 2 * TANH_EXP_ULPS * unit
        steepest = 1.0 - np.maximum(a - 2 * in_h - in_tanh, 0.0) ** 2 + 4 * unit
        in_a = np.minimum(steepest * in_h + in_tanh * a, 2.0) + smallest
        states.append(in_a)

        sizes = Wya @ (a + 2 * in_a) + by
        in_z = Wya @ in_a + precision.gamma(H + 1 + more) * sizes + (H + 1) * smallest
        outputs.append(
            _output_errors(parameters, trace, t, int(y), in_z.max(), sizes.max(), precision)
        )
    return states, outputs


def _output_errors(
    parameters: Parameters,
    trace: Trace,
    t: int,
    y: int,
    in_z: float,
    size: float,
    precision: Precision,
) -> np.ndarray:
    """Bound the errors of p − onehot(y), for logits of at most `size` that are off by `in_z`."""
    unit, smallest, V = precision.unit, precision.smallest, len(parameters.by)
    in_exp = 2 * TANH_EXP_ULPS * unit
    # Without a shift, exponentials of logits that are all far below 0 have lost bits.
    highest = np.max(parameters.Wya @ trace.states[t + 1] + parameters.by) - in_z
    lost = np.exp(np.log(in_exp) + np.log(smallest) + max(0.0, -highest))
    # exp turns absolute errors into relative ones. The probability may be a quotient, or the
    # exponential of a logarithm that was rounded.
    relative = np.expm1(
        2 * in_z
        + unit * (6 * size + (2 * TANH_EXP_ULPS + 2) * np.log(V))
        + 4 * in_exp
        + precision.gamma(V + 2)
        + V * lost
    )
    p = trace.probabilities[t]
    in_p = p * np.minimum(relative * (1 + relative), 1e300) + lost * np.minimum(1 + relative, 1e300)
    dz = p.copy()
    dz[y] -= 1.0
    return np.minimum(in_p, 1.0) + smallest + unit * np.abs(dz)


def _window_errors(
    parameters: Parameters,
    trace: Trace,
    precision: Precision,
    final_cotangent: np.ndarray,
    more: int,
) -> _Errors:
    state_errors, output_errors = _forward_errors(parameters, trace, precision, more)
    Wha, Wya = np.abs(parameters.Wha), np.abs(parameters.Wya)
    (H, _), V, T = parameters.Wha.shape, len(parameters.by), len(trace.inputs)
    unit, smallest = precision.unit, precision.smallest
    errors, sizes = parameters.zeros_like(), parameters.zeros_like()
    signal = final_cotangent
    in_signal = more * (unit * np.abs(signal) + smallest)
    for t in reversed(range(T)):
        x, y = int(trace.inputs[t]), int(trace.targets[t])
        before, a = trace.states[t], trace.states[t + 1]
        in_before, in_a, in_dz = state_errors[t], state_errors[t + 1], output_errors[t]
        dz = trace.probabilities[t].copy()
        dz[y] -= 1.0

        da = parameters.Wya.T @ dz + signal
        added = Wya.T @ (np.abs(dz) + 2 * in_dz) + np.abs(signal) + 2 * in_signal
        in_da = (
            Wya.T @ in_dz + in_signal + precision.gamma(V + 1 + more) * added + (V + 1) * smallest
        )
        slope = 1.0 - a**2
        in_slope = 2 * np.abs(a) * in_a + 3 * in_a**2 + 3 * unit
        dh = slope * da
        in_dh = (
            in_slope * (np.abs(da) + 2 * in_da)
            + (slope + in_slope) * in_da
            + unit * (slope + 2 * in_slope) * (np.abs(da) + 2 * in_da)
            + smallest
        )

        _add(errors.Wya, sizes.Wya, (dz, in_dz), (a.T, in_a.T), precision)
        _add(errors.Wha, sizes.Wha, (dh, in_dh), (before.T, in_before.T), precision)
        one = np.ones((1, 1)), np.zeros((1, 1))
        column = slice(x, x + 1)
        _add(errors.Whx[:, column], sizes.Whx[:, column], (dh, in_dh), one, precision)
        _add(errors.bh, sizes.bh, (dh, in_dh), one, precision)
        _add(errors.by, sizes.by, (dz, in_dz), one, precision)

        signal = parameters.Wha.T @ dh
        in_signal = (
            Wha.T @ in_dh
            + precision.gamma(H + more) * (Wha.T @ (np.abs(dh) + 2 * in_dh))
            + H * smallest
        )
    return _Errors(errors, sizes, in_signal)


def _add(
    errors: np.ndarray,
    sizes: np.ndarray,
    left: tuple[np.ndarray, np.ndarray],
    right: tuple[np.ndarray, np.ndarray],
    precision: Precision,
) -> None:
    """Add the error and the size of a product of two inexact factors, given as (value, error)."""
    (value, error), (other, other_error) = left, right
    value, other = np.abs(value), np.abs(other)
    size = (value + 2 * error) * (other + 2 * other_error)
    spread = error * other + value * other_error + 3 * error * other_error
    errors += spread + precision.unit * size + precision.smallest
    sizes += size + precision.unit * size + precision.smallest


def largest_fraction_of_bound(
    computed: Gradients, expected: Gradients, allowed: Gradients
) -> dict[str, float]:
    """Return, for each parameter, the largest |computed − expected| as a fraction of its bound.

    Where the bound is 0, as in the columns of symbols that don't occur in the window, the fraction
    is infinite for any difference; it is infinite for NaN, too.
    """
    return {
        field.name: _fraction_of_bound(
            *(getattr(part, field.name) for part in (computed, expected, allowed))
        )
        for field in fields(computed)
    }


def _fraction_of_bound(computed: np.ndarray, expected: np.ndarray, allowed: np.ndarray) -> float:
    differences = np.abs(computed - expected)
    fractions = np.divide(
        differences, allowed, out=np.full_like(allowed, np.inf), where=allowed > 0
    )
    fractions[(allowed == 0) & (differences == 0)] = 0.0
    fractions[np.isnan(fractions)] = np.inf
    return float(fractions.max())

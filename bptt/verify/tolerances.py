"""How far two correct gradients may differ: a bound on rounding, entry by entry.

A running error analysis (docs/tolerances.md has the derivation): beside each number of the forward
and the backward pass goes a bound on how far any computation of it in floating point can be from
the exact one. The clip never widens a bound, since it never moves two numbers apart.

V symbols, H hidden units, T characters in a window.

Source: Higham (2002), Accuracy and Stability of Numerical Algorithms, chapter 3.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from reference import Gradients, Parameters, Trace, forward

TANH_EXP_ULPS = 4  # what vector mathematics libraries promise at the least
SLACK = 1.01  # for the rounding of this analysis itself


@dataclass(frozen=True)
class Precision:
    """A floating-point format: unit roundoff, and the smallest number that keeps all its bits."""

    unit: float
    smallest: float

    def gamma(self, operations: int) -> float:
        """Bound the relative error of so many operations in a row."""
        return operations * self.unit / (1 - operations * self.unit)


FLOAT64 = Precision(2.0**-53, 2.0**-1022)
FLOAT32 = Precision(2.0**-24, 2.0**-126)


@dataclass(frozen=True)
class Bounds:
    """Of the gradients' entries, and of the slope in the initial state."""

    gradients: Gradients
    initial_state: Float[np.ndarray, "H 1"]


def error_bounds(
    parameters: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
    precision: Precision,
    final_cotangent: Float[np.ndarray, "H 1"] | None = None,
) -> Bounds:
    """Bound |computed − exact| for a window's gradient computed in the given precision.

    The weights and the state are those given, rounded to that precision. The bound holds for any
    order of the additions, with or without the running clip.
    """
    trace = forward(parameters, inputs, targets, initial_state)
    with np.errstate(over="ignore"):
        state_errors, output_errors = _forward_errors(parameters, trace, precision)
        return _backward_errors(
            parameters, trace, state_errors, output_errors, precision, final_cotangent
        )


def _forward_errors(
    parameters: Parameters, trace: Trace, precision: Precision
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Bound the errors of the states (T + 1 columns) and of the logit gradients (T columns)."""
    Whx, Wha, Wya, bh, by = (np.abs(value) for value in parameters)
    H, V = Whx.shape
    unit, smallest = precision.unit, precision.smallest
    states, outputs = [unit * np.abs(trace.states[0])], []
    for t, (x, y) in enumerate(zip(trace.inputs, trace.targets, strict=True)):
        before = np.abs(trace.states[t]) + states[t]
        in_h = (
            Wha @ states[t]
            + precision.gamma(H + 3) * (Wha @ before + Whx[:, [x]] + bh)
            + (H + 2) * smallest
        )
        a = np.abs(trace.states[t + 1])
        steepest = 1.0 - np.maximum(a - in_h, 0.0) ** 2 + 4 * unit
        in_a = np.minimum(steepest * in_h + 2 * TANH_EXP_ULPS * unit * a, 2.0) + smallest
        states.append(in_a)

        sizes = Wya @ (a + in_a) + by
        in_z = Wya @ in_a + precision.gamma(H + 2) * sizes + (H + 1) * smallest
        # exp turns absolute errors into relative ones; logits may be shifted by their maximum.
        in_exponent = in_z.max() + 2 * unit * sizes.max()
        relative = np.expm1(2 * in_exponent + precision.gamma(V + 2) + 8 * TANH_EXP_ULPS * unit)
        p = trace.probabilities[t]
        in_p = np.minimum(p * np.minimum(relative * (1 + relative), 1e300), 1.0) + smallest
        dz = p.copy()
        dz[y] -= 1.0
        outputs.append(in_p + unit * np.abs(dz))
    return states, outputs


def _backward_errors(
    parameters: Parameters,
    trace: Trace,
    state_errors: list[np.ndarray],
    output_errors: list[np.ndarray],
    precision: Precision,
    final_cotangent: np.ndarray | None,
) -> Bounds:
    Wha, Wya = np.abs(parameters.Wha), np.abs(parameters.Wya)
    (H, _), V, T = parameters.Wha.shape, len(parameters.by), len(trace.inputs)
    unit, smallest = precision.unit, precision.smallest
    errors, sizes = parameters.zeros_like(), parameters.zeros_like()
    signal = np.zeros_like(parameters.bh) if final_cotangent is None else final_cotangent
    in_signal = np.zeros_like(parameters.bh)
    for t in reversed(range(T)):
        x, y = int(trace.inputs[t]), int(trace.targets[t])
        before, a = trace.states[t], trace.states[t + 1]
        in_before, in_a, in_dz = state_errors[t], state_errors[t + 1], output_errors[t]
        dz = trace.probabilities[t].copy()
        dz[y] -= 1.0

        da = parameters.Wya.T @ dz + signal
        in_da = (
            Wya.T @ in_dz
            + in_signal
            + precision.gamma(V + 2) * (Wya.T @ (np.abs(dz) + in_dz) + np.abs(signal) + in_signal)
            + (V + 1) * smallest
        )
        slope = 1.0 - a**2
        in_slope = 2 * np.abs(a) * in_a + in_a**2 + 3 * unit
        dh = slope * da
        in_dh = (
            in_slope * (np.abs(da) + in_da)
            + slope * in_da
            + 2 * unit * (np.abs(dh) + in_slope * np.abs(da))
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
            Wha.T @ in_dh + precision.gamma(H + 1) * (Wha.T @ (np.abs(dh) + in_dh)) + H * smallest
        )
    for error, size in zip(errors, sizes, strict=True):
        error += precision.gamma(T) * (size + error)
        error *= SLACK
    return Bounds(errors, in_signal * SLACK)


def _add(
    errors: np.ndarray,
    sizes: np.ndarray,
    left: tuple[np.ndarray, np.ndarray],
    right: tuple[np.ndarray, np.ndarray],
    precision: Precision,
) -> None:
    """Add what one product of inexact factors brings: its error, and its size."""
    (value, error), (other, other_error) = left, right
    value, other = np.abs(value), np.abs(other)
    size = value * other
    spread = error * other + value * other_error + error * other_error
    errors += spread + precision.unit * (size + spread) + precision.smallest
    sizes += size + spread


def largest_share(computed: Gradients, expected: Gradients, allowed: Gradients) -> dict[str, float]:
    """Return, for each parameter, the largest |computed − expected| as a share of its bound.

    Where the bound is 0, as in the columns of symbols that the window doesn't have, any
    difference is an infinite share, and so is a NaN.
    """
    return {
        field.name: _share(*(getattr(part, field.name) for part in (computed, expected, allowed)))
        for field in fields(computed)
    }


def _share(computed: np.ndarray, expected: np.ndarray, allowed: np.ndarray) -> float:
    differences = np.abs(computed - expected)
    shares = np.divide(differences, allowed, out=np.full_like(allowed, np.inf), where=allowed > 0)
    shares[(allowed == 0) & (differences == 0)] = 0.0
    shares[np.isnan(shares)] = np.inf
    return float(shares.max())

"""Check that loss and gradient don't change their arguments, and are deterministic."""

import numpy as np

from ..evaluated_problem import Arrays, EvaluatedProblem, Loss, to_array


def mutations(evaluated: EvaluatedProblem) -> str:
    """Return a message that names the arguments which the gradient or the loss changes, or ""."""
    for what, function in (
        ("gradient", evaluated.gradient),
        ("loss", evaluated.loss.evaluate),
    ):
        values = evaluated.loss.wrap(evaluated.point, evaluated.dtype)
        kept = evaluated.loss.wrap(evaluated.point, evaluated.dtype)
        function(values)
        changed = [
            name
            for name in kept
            if name not in values or not _same(to_array(values[name]), to_array(kept[name]))
        ]
        if changed or len(values) != len(kept):
            return f"{what} changes {', '.join(changed) or 'the dict it is given'}"
    return ""


def differing_calls(evaluated: EvaluatedProblem, computed: Arrays) -> str:
    """Return a message if two calls differ, else "".

    The loss at other parameters is called in between, since it may leave state behind.
    """
    moved = {name: value * 1.25 + 0.125 for name, value in evaluated.point.items()}
    evaluated.loss(moved)
    again = evaluated.gradient()
    for name, value in computed.items():
        size = np.abs(value).max(initial=0.0)
        if not _same(value, again[name]):
            off = np.abs(value - again[name]).max()
            if not off <= 64 * evaluated.loss.unit * size:
                return (
                    f"two calls of gradient differ in {name} by {off:.3g}, "
                    "the loss of other parameters was called in between"
                )
    heights = [evaluated.loss(evaluated.point) for _ in range(2)]
    off = abs(heights[0] - heights[1])
    if np.isfinite(heights).all() and off > 64 * evaluated.loss.unit * abs(heights[0]):
        return f"two calls of loss differ by {off:.3g}"
    return ""


def unused(loss: Loss) -> tuple[str, ...]:
    """List the parameters on which the loss doesn't depend, at several values of each."""
    here = loss(loss.point)
    return tuple(
        name
        for name, value in loss.point.items()
        if all(
            loss({**loss.point, name: factor * value + shift}) == here
            for factor, shift in ((1.25, 0.125), (0.0, 0.0), (-0.5, 1.0))
        )
    )


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=True)

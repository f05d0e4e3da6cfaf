"""Detect code that computes in float32 although its parameters are float64.

`.astype("f4")`, `torch.Tensor(…)` and JAX without x64 do so. Then its results are exact in float32
(by chance, one number in 2**29 is); or they don't change if its arguments are rounded to float32;
or, if only a part of the code is in float32, they don't change with small changes of its arguments.
"""

import numpy as np

from ..buffers import buffers_converted
from ..calls import CaseError
from ..evaluated_problem import Arrays, EvaluatedProblem, Loss
from . import differences

POINTS = 5
NEARBY_AND_FAR = ((1.0, 0.1), (0.03, 1.0))  # a loss that is constant nearby may vary far away
MOVING = 1e-3  # a loss that varies less, relative to its size, may not depend on the dtype
TINY, SMALL = 2.0**-40, 2.0**-16  # relative changes below and well above float32's resolution


def is_exact_in_float32(values: np.ndarray) -> bool:
    """Whether all finite values are exact in float32, and not because they are simple numbers."""
    finite = values[np.isfinite(values)]
    return bool((in_dtype(finite, np.float32) == finite).all()) and not is_simple(finite)


def is_simple(values: np.ndarray) -> bool:
    """Whether all values have at most 11 significant bits, as small integers do."""
    leading_bits = np.frexp(values)[0] * 2.0**11
    return bool((leading_bits == np.rint(leading_bits)).all())


def loss_is_single(loss: Loss, dtype: str, rng: np.random.Generator) -> bool:
    """Whether the loss is computed in float32 although its parameters are of `dtype`."""
    if dtype == "float32":
        return False
    said = []
    for factor, reach in NEARBY_AND_FAR:
        towards = differences.astray(loss, rng)
        points = [
            {
                name: factor * value.astype(np.float64) + distance * towards[name]
                for name, value in loss.point.items()
            }
            for distance in reach * rng.uniform(-1.0, 1.0, POINTS)
        ]
        try:
            values = np.array([loss(point, dtype) for point in points])
            rounded = np.array([loss(in_float32(point), dtype) for point in points])
        except CaseError:  # it needn't accept other values than its own
            return False
        if np.ptp(values) > MOVING * np.abs(values).max() and len(np.unique(values)) == POINTS:
            unused = bool((values == rounded).all()) and not is_simple(values)
            said.append(unused or is_exact_in_float32(values))
    return bool(said) and all(said)


def gradient_is_single(evaluated: EvaluatedProblem, computed: Arrays) -> bool:
    """Whether the gradient is computed in float32 although its parameters are float64."""
    if evaluated.dtype == "float32":
        return False
    here = flat(computed)
    if is_exact_in_float32(here) or makes_single_buffers(evaluated):
        return True
    rng, said = np.random.default_rng(60), []
    for factor, reach in NEARBY_AND_FAR:
        towards = differences.astray(evaluated.loss, rng)
        point = {
            name: factor * value + reach * towards[name] for name, value in evaluated.point.items()
        }
        try:
            there, rounded, moved = (
                evaluated.flat_gradient(at)
                for at in (point, in_float32(point), _moved(point, SMALL, rng))
            )
        except CaseError:  # it needn't accept other values than its own
            return False
        moves = moved != there
        change = np.abs(moved - there).max(initial=0.0)
        if 0.0 < change < 0.1 * np.abs(there).max():  # a larger change would be mere rounding
            still = (there == rounded)[moves].mean() > 0.5
            unused = still and not is_simple(there)
            said.append(unused or is_exact_in_float32(there))
    return bool(said) and all(said)


def makes_single_buffers(evaluated: EvaluatedProblem) -> bool:
    """Whether the gradient allocates NumPy arrays of float32 although it is given float64."""
    single = False

    def noted(made: np.ndarray) -> np.ndarray:
        nonlocal single
        single = single or made.dtype == np.float32
        return made

    with buffers_converted(noted, evaluated.problem.gradient):
        evaluated.gradient()
    return single


def gradient_is_coarse(evaluated: EvaluatedProblem, computed: Arrays) -> bool:
    """Whether tiny changes of float64 parameters leave most entries of the gradient unchanged."""
    if evaluated.dtype == "float32":
        return False
    rng, here = np.random.default_rng(50), flat(computed)
    try:
        still = evaluated.flat_gradient(_moved(evaluated.point, TINY, rng)) == here
        moves = evaluated.flat_gradient(_moved(evaluated.point, SMALL, rng)) != here
    except CaseError:  # it needn't accept other values than its own
        return False
    return bool(moves.any() and still[moves].mean() > 0.5)


def _moved(point: Arrays, size: float, rng: np.random.Generator) -> Arrays:
    return {
        name: value * (1.0 + size * rng.choice([-1.0, 1.0], value.shape))
        for name, value in point.items()
    }


def in_float32(point: Arrays) -> Arrays:
    return {name: in_dtype(value, np.float32) for name, value in point.items()}


def in_dtype(values: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(dtype).astype(np.float64)


def flat(values: Arrays) -> np.ndarray:
    return np.concatenate([part.ravel() for part in values.values()])

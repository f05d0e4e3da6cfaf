"""Run a backward pass in float64 with errors as large as the rounding of a lower precision.

Every operation of torch or NumPy gets a random relative error of at most one unit roundoff (Monte
Carlo arithmetic). Compiled code and JAX are opaque to it: there the inputs are disturbed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...checker.buffers import CREATION_FUNCTIONS, buffers_converted
from ...checker.evaluated_problem import is_tensor, to_array
from ...checker.oracles.noise import COPIERS, address, disturb_tensors, noisy_array, run_engine
from ..arrays import copied, in_dtype, is_floating
from ..functions import LossAndGradients, NumpyPair, TorchFunction
from ..jax_functions import JaxFunction
from ..problem import BackwardCase

Gradients = dict[int, np.ndarray]
# Operations of torch whose results need no rounding.
EXACT_NAMES = """
clone contiguous neg abs relu where cat stack expand index_select gather masked_fill masked_fill_
max min amax amin maximum minimum clamp detach flip roll copy_ zero_ fill_ zeros zeros_like
new_zeros ones ones_like new_ones empty empty_like new_empty eye __getitem__ pad repeat
repeat_interleave tril triu diag diag_embed reshape sign floor
"""
EXACT = frozenset(EXACT_NAMES.split())


def in_float64(case: BackwardCase) -> tuple[list[Any], list[Any]]:
    """Return copies of the inputs and cotangents of a case, as numbers of float64."""
    return (
        [in_dtype(value, "float64") if is_floating(value) else value for value in case.inputs],
        [None if value is None else in_dtype(value, "float64") for value in case.cotangents],
    )


def disturbed_gradients(
    high: BackwardCase, inputs: Sequence[Any], cotangents: Sequence[Any], seed: int, unit: float
) -> Gradients:
    """Return the gradients of a case in float64, with each operation disturbed.

    Raises CaseError where the function doesn't accept the disturbed values.
    """
    given = [copied(value) for value in inputs]
    upstream = [copied(value) for value in cotangents]
    rng = np.random.default_rng([seed, 50])
    function = high.function
    if isinstance(function, TorchFunction):
        known = {address(value) for value in given if is_tensor(value)} - {None}

        def is_input(saved: Any) -> bool:
            return address(saved) in known

        def run() -> dict[int, Any]:
            return high.gradients(given, upstream)

        return arrays(disturb_tensors(run, seed, unit, EXACT, is_input, into_backward=True))
    if isinstance(function, NumpyPair | LossAndGradients):
        raw = function.backward if isinstance(function, NumpyPair) else function.function

        def noisy(made: np.ndarray) -> np.ndarray:
            return noisy_array(made, rng, unit)

        given = [noisy(value) if is_floating(value) else value for value in given]
        with buffers_converted(noisy, raw, (*CREATION_FUNCTIONS, *COPIERS)):
            return arrays(high.gradients(given, upstream))
    if isinstance(function, JaxFunction):
        given = [
            value * (1 + unit * rng.uniform(-1.0, 1.0, value.shape))
            if is_floating(value)
            else value
            for value in given
        ]
    return arrays(high.gradients(given, upstream))


def arrays(found: dict[int, Any]) -> Gradients:
    """Return the gradients as arrays of float64, without those that are None."""
    return {
        place: to_array(in_dtype(slope, "float64")).astype(float)
        for place, slope in found.items()
        if slope is not None
    }


def largest_value(high: BackwardCase, inputs: Sequence[Any], cotangents: Sequence[Any]) -> float:
    """Return the largest finite number that occurs inside both passes, as far as torch shows it."""
    if not isinstance(high.function, TorchFunction):
        return 0.0
    import torch
    from torch.overrides import TorchFunctionMode

    largest = 0.0

    class Watch(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            nonlocal largest
            if func is torch.autograd.grad:
                with self:
                    return run_engine(*args, **(kwargs or {}))
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.is_floating_point() and result.numel():
                with torch._C.DisableTorchFunction():
                    finite = result.detach().abs().nan_to_num(0.0, 0.0, 0.0)
                    largest = max(largest, float(finite.max()))
            return result

    with Watch():
        high.gradients([copied(value) for value in inputs], [copied(up) for up in cotangents])
    return largest

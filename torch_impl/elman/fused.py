"""Both passes compiled, each in one call: one thread, dense input.

Importing this needs numba.
"""

import numpy as np
from torch import Tensor

from torch_impl.fast.layer import layer_backward, layer_forward

from .compiled_products import CompiledProducts
from .compiled_sweep import Sweep, rounded
from .computation import Separate, Slopes, is_dense
from .shapes import expect


class Fused:
    """A Computation for the CPU, float32 and float64."""

    def __init__(self) -> None:
        self._of_indices = Separate(Sweep(threads=1), CompiledProducts(threads=1))

    def __repr__(self) -> str:
        return "Fused()"

    def forward(
        self,
        states: Tensor,
        input: Tensor,  # noqa: A002
        initial: Tensor | None,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor | None,
        bias_hh: Tensor | None,
    ) -> None:
        if not is_dense(input):
            arguments = input, initial, weight_ih, weight_hh, bias_ih, bias_hh
            return self._of_indices.forward(states, *arguments)
        T, B, H = states.shape
        _check(states, input, initial, weight_ih, weight_hh)
        for bias in (bias_ih, bias_hh):
            if bias is not None:
                expect("a bias", bias, H)
        rows = states.view(T * B, H).numpy()
        layer_forward(
            rows,
            _array(input).reshape(T * B, -1),
            _matrix(initial, rows),
            _array(weight_ih),
            _array(weight_hh),
            _vector(bias_ih, rows),
            _vector(bias_hh, rows),
            B,
            rounded(weight_hh, B, transpose=B > 1),
        )
        return None

    def backward(
        self,
        slopes: Slopes,
        signals: Tensor,
        from_above: Tensor,
        states: Tensor,
        input: Tensor,  # noqa: A002
        initial: Tensor | None,
        weight_ih: Tensor,
        weight_hh: Tensor,
    ) -> None:
        if not is_dense(input):
            arguments = from_above, states, input, initial, weight_ih, weight_hh
            return self._of_indices.backward(slopes, signals, *arguments)
        T, B, H = states.shape
        _check(states, input, initial, weight_ih, weight_hh)
        expect("the gradients by the states", from_above, T, B, H)
        rows = states.view(T * B, H).numpy()
        layer_backward(
            _matrix(slopes.input, rows),
            _matrix(slopes.initial, rows),
            slopes.weight_ih.numpy(),
            slopes.weight_hh.numpy(),
            slopes.bias.numpy(),
            signals.view(T * B, H).numpy(),
            _array(from_above).reshape(T * B, H),
            rows,
            _array(input).reshape(T * B, -1),
            _matrix(initial, rows),
            _array(weight_ih),
            _array(weight_hh),
            B,
            rounded(weight_hh, B, transpose=False),
        )
        return None


def _check(
    states: Tensor,
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
) -> None:
    T, B, H = states.shape
    expect("weight_ih", weight_ih, H, input.shape[2])
    expect("weight_hh", weight_hh, H, H)
    expect("the input", input, T, B, input.shape[2])
    if initial is not None:
        expect("the initial state", initial, B, H)


def _array(tensor: Tensor) -> np.ndarray:
    """Return a contiguous view, or copy."""
    return tensor.detach().contiguous().numpy()


def _matrix(tensor: Tensor | None, like: np.ndarray) -> np.ndarray:
    if tensor is None:
        return np.empty((0, 0), like.dtype)
    array = _array(tensor)
    return array.reshape(-1, array.shape[-1])


def _vector(tensor: Tensor | None, like: np.ndarray) -> np.ndarray:
    return np.empty(0, like.dtype) if tensor is None else _array(tensor)

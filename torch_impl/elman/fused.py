"""Both passes compiled from end to end, for dense input.

Importing this needs numba.
"""

from functools import partial

import numpy as np
from torch import Tensor

from torch_impl.fast.layer import (
    begin_states,
    find_signals,
    finish_states,
    sum_signals,
)
from torch_impl.fast.lone_lane import share_lane_backward, share_lane_forward

from .compiled_sweep import Sweep, rows_backward, rows_forward
from .computation import Separate, Slopes, is_dense
from .products import TorchProducts
from .shapes import expect
from .threads import share, share_steps


class Fused:
    """A Computation for the CPU, float32 and float64."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._of_indices = Separate(Sweep(), TorchProducts())

    def __repr__(self) -> str:
        return f"Fused(threads={self.threads})"

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
        inputs, first = _array(input).reshape(T * B, -1), _matrix(initial, rows)
        W_ih, W_hh = _array(weight_ih), _array(weight_hh)
        biases = _vector(bias_ih, rows), _vector(bias_hh, rows)
        size = rows_forward(weight_hh, B)
        if self.threads == 1:
            begin_states(rows, inputs, W_ih, *biases, 0, 1)
            finish_states(rows, first, W_hh, B, size, 0, 1)
            return None
        share(partial(begin_states, rows, inputs, W_ih, *biases), self.threads)
        if B == 1:
            step = np.zeros((2, size), rows.dtype)
            share_steps(partial(share_lane_forward, rows, first, W_hh, step), self.threads)
            return None
        share(partial(finish_states, rows, first, W_hh, B, size), min(self.threads, B))
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
        inputs, first = _array(input).reshape(T * B, -1), _matrix(initial, rows)
        W_ih, W_hh = _array(weight_ih), _array(weight_hh)
        by_initial, by_input = _matrix(slopes.initial, rows), _matrix(slopes.input, rows)
        sums = by_input, *(slope.numpy() for slope in slopes[2:])
        dh, above = signals.view(T * B, H).numpy(), _array(from_above).reshape(T * B, H)
        size = rows_backward(weight_hh, B)
        if self.threads == 1:
            find_signals(dh, by_initial, above, rows, W_hh, B, size, 0, 1)
            sum_signals(*sums, dh, rows, inputs, first, W_ih, B, 0, 1)
            return None
        if B == 1:
            step = np.zeros((2, size), rows.dtype)
            run = partial(share_lane_backward, dh, by_initial, above, rows, W_hh, step)
            share_steps(run, self.threads)
        else:
            run = partial(find_signals, dh, by_initial, above, rows, W_hh, B, size)
            share(run, min(self.threads, B))
        share(partial(sum_signals, *sums, dh, rows, inputs, first, W_ih, B), self.threads)
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

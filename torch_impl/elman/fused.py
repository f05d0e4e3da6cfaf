"""Both passes compiled from end to end, for dense input. Importing this requires numba."""

from functools import partial

import numpy as np
from torch import Tensor

from torch_impl.elman.layer import FIRST, SECOND, layer_backward, layer_forward
from torch_impl.elman.lone_lane import share_lane_backward, share_lane_forward

from .compiled_sweep import Sweep, rows_backward, rows_forward
from .computation import Given, Separate, Slopes, is_dense
from .memory import ZEROS, address, readable, writable
from .products import TorchProducts
from .threads import share, share_steps


class Fused:
    """The Computation in compiled code: CPU, float32 and float64, `threads` threads.

    An input of indices is passed on to a Separate computation.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._of_indices = Separate(Sweep(), TorchProducts())

    def __repr__(self) -> str:
        return f"Fused(threads={self.threads})"

    def forward(self, states: Tensor, given: Given) -> None:
        if not is_dense(given.input):
            return self._of_indices.forward(states, given)
        T, B, H = states.shape
        shape = T, B, given.input.shape[-1], H
        kept = _readable(given, states, *shape)
        writable("the states", states, states, T, B, H)
        addresses = states.data_ptr(), *map(address, kept)
        zero, size = ZEROS[states.dtype], rows_forward(H, states.dtype, B)
        run = partial(layer_forward, addresses, shape, zero, size)
        if self.threads == 1:
            run(FIRST | SECOND, 0, 1)
            return None
        share(partial(run, FIRST), self.threads)
        if B > 1:
            share(partial(run, SECOND), min(self.threads, B))
            return None
        rows = np.zeros((2, size), zero.dtype)
        lane = addresses[0], address(kept.initial), address(kept.weight_hh)
        share_steps(partial(share_lane_forward, lane, T, H, rows), self.threads)
        return None

    def backward(
        self, slopes: Slopes, signals: Tensor, from_above: Tensor, states: Tensor, given: Given
    ) -> None:
        if not is_dense(given.input):
            return self._of_indices.backward(slopes, signals, from_above, states, given)
        T, B, H = states.shape
        I = given.input.shape[-1]  # noqa: E741 - inputs
        shape = T, B, I, H
        kept = _readable(given, states, *shape)
        above = readable("the gradient of the states", from_above, states, T, B, H)
        readable_states = readable("the states", states, states, T, B, H)
        _check_writable(slopes, states, *shape)
        writable("the gradient of the pre-activations", signals, states, T, B, H)
        addresses = (
            *map(address, slopes),
            signals.data_ptr(),
            above.data_ptr(),
            readable_states.data_ptr(),
            kept.input.data_ptr(),
            address(kept.initial),
            kept.weight_ih.data_ptr(),
            kept.weight_hh.data_ptr(),
        )
        zero, size = ZEROS[states.dtype], rows_backward(H, states.dtype, B)
        run = partial(layer_backward, addresses, shape, zero, size)
        if self.threads == 1:
            run(FIRST | SECOND, 0, 1)
            return None
        if B > 1:
            share(partial(run, FIRST), min(self.threads, B))
        else:
            rows = np.zeros((2, size), zero.dtype)
            lane = addresses[5], addresses[1], *addresses[6:8], addresses[11]
            share_steps(partial(share_lane_backward, lane, T, H, rows), self.threads)
        share(partial(run, SECOND), self.threads)
        return None


def _readable(given: Given, like: Tensor, T: int, B: int, I: int, H: int) -> Given:  # noqa: E741 - inputs
    initial, bias_ih, bias_hh = given.initial, given.bias_ih, given.bias_hh
    return Given(
        readable("the input", given.input, like, T, B, I),
        None if initial is None else readable("the initial state", initial, like, B, H),
        readable("weight_ih", given.weight_ih, like, H, I),
        readable("weight_hh", given.weight_hh, like, H, H),
        None if bias_ih is None else readable("bias_ih", bias_ih, like, H),
        None if bias_hh is None else readable("bias_hh", bias_hh, like, H),
    )


def _check_writable(slopes: Slopes, like: Tensor, T: int, B: int, I: int, H: int) -> None:  # noqa: E741 - inputs
    if slopes.input is not None:
        writable("the gradient of the input", slopes.input, like, T, B, I)
    if slopes.initial is not None:
        writable("the gradient of the initial state", slopes.initial, like, B, H)
    writable("the gradient of weight_ih", slopes.weight_ih, like, H, I)
    writable("the gradient of weight_hh", slopes.weight_hh, like, H, H)
    writable("the gradient of the bias", slopes.bias, like, H)

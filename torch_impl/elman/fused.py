"""Both passes compiled from end to end, for dense input. Importing this requires numba."""

from functools import partial

import numpy as np
from torch import Tensor

from torch_impl.elman.layer import FIRST, SECOND, layer_backward, layer_forward
from torch_impl.elman.lone_lane import lone_lane_backward, lone_lane_forward

from .compiled_sweep import Sweep, rows_backward, rows_forward
from .computation import LayerGradients, LayerInputs, Separate, is_dense
from .memory import ZEROS, address, readable, writable
from .products import TorchProducts
from .threads import run_in_threads, run_with_barrier


class Fused:
    """The Computation in compiled code: CPU, float32 and float64, `threads` threads.

    An input of indices is passed on to a Separate computation.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._of_indices = Separate(Sweep(), TorchProducts())

    def __repr__(self) -> str:
        return f"Fused(threads={self.threads})"

    def forward(self, states: Tensor, layer_inputs: LayerInputs) -> None:
        if not is_dense(layer_inputs.input):
            return self._of_indices.forward(states, layer_inputs)
        T, B, H = states.shape
        shape = T, B, layer_inputs.input.shape[-1], H
        readable_inputs = _readable(layer_inputs, states, *shape)
        writable("the states", states, states, T, B, H)
        addresses = states.data_ptr(), *map(address, readable_inputs)
        zero, size = ZEROS[states.dtype], rows_forward(H, states.dtype, B)
        run = partial(layer_forward, addresses, shape, zero, size)
        if self.threads == 1:
            run(FIRST | SECOND, 0, 1)
            return None
        run_in_threads(partial(run, FIRST), self.threads)
        if B > 1:
            run_in_threads(partial(run, SECOND), min(self.threads, B))
            return None
        rows = np.zeros((2, size), zero.dtype)
        lane = addresses[0], address(readable_inputs.initial), address(readable_inputs.weight_hh)
        run_with_barrier(partial(lone_lane_forward, lane, T, H, rows), self.threads)
        return None

    def backward(
        self,
        gradients: LayerGradients,
        grad_preactivations: Tensor,
        grad_states: Tensor,
        states: Tensor,
        layer_inputs: LayerInputs,
    ) -> None:
        if not is_dense(layer_inputs.input):
            return self._of_indices.backward(
                gradients, grad_preactivations, grad_states, states, layer_inputs
            )
        T, B, H = states.shape
        I = layer_inputs.input.shape[-1]  # noqa: E741 - inputs
        shape = T, B, I, H
        readable_inputs = _readable(layer_inputs, states, *shape)
        above = readable("the gradient of the states", grad_states, states, T, B, H)
        readable_states = readable("the states", states, states, T, B, H)
        _check_writable(gradients, states, *shape)
        writable("the gradient of the pre-activations", grad_preactivations, states, T, B, H)
        addresses = (
            *map(address, gradients),
            grad_preactivations.data_ptr(),
            above.data_ptr(),
            readable_states.data_ptr(),
            readable_inputs.input.data_ptr(),
            address(readable_inputs.initial),
            readable_inputs.weight_ih.data_ptr(),
            readable_inputs.weight_hh.data_ptr(),
        )
        zero, size = ZEROS[states.dtype], rows_backward(H, states.dtype, B)
        run = partial(layer_backward, addresses, shape, zero, size)
        if self.threads == 1:
            run(FIRST | SECOND, 0, 1)
            return None
        if B > 1:
            run_in_threads(partial(run, FIRST), min(self.threads, B))
        else:
            rows = np.zeros((2, size), zero.dtype)
            lane = addresses[5], addresses[1], *addresses[6:8], addresses[11]
            run_with_barrier(partial(lone_lane_backward, lane, T, H, rows), self.threads)
        run_in_threads(partial(run, SECOND), self.threads)
        return None


def _readable(
    layer_inputs: LayerInputs,
    like: Tensor,
    T: int,
    B: int,
    I: int,  # noqa: E741 - inputs
    H: int,
) -> LayerInputs:
    initial, bias_ih, bias_hh = layer_inputs.initial, layer_inputs.bias_ih, layer_inputs.bias_hh
    return LayerInputs(
        readable("the input", layer_inputs.input, like, T, B, I),
        None if initial is None else readable("the initial state", initial, like, B, H),
        readable("weight_ih", layer_inputs.weight_ih, like, H, I),
        readable("weight_hh", layer_inputs.weight_hh, like, H, H),
        None if bias_ih is None else readable("bias_ih", bias_ih, like, H),
        None if bias_hh is None else readable("bias_hh", bias_hh, like, H),
    )


def _check_writable(
    gradients: LayerGradients,
    like: Tensor,
    T: int,
    B: int,
    I: int,  # noqa: E741 - inputs
    H: int,
) -> None:
    if gradients.input is not None:
        writable("the gradient of the input", gradients.input, like, T, B, I)
    if gradients.initial is not None:
        writable("the gradient of the initial state", gradients.initial, like, B, H)
    writable("the gradient of weight_ih", gradients.weight_ih, like, H, I)
    writable("the gradient of weight_hh", gradients.weight_hh, like, H, H)
    writable("the gradient of the bias", gradients.bias, like, H)

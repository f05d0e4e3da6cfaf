"""Both passes compiled from end to end: CPU, float32 and float64. Importing this requires numba.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from torch_impl.elman.layer import FIRST, SECOND, layer_backward, layer_forward
from torch_impl.elman.lone_lane import lone_lane_backward, lone_lane_forward
from torch_impl.kernels.padding import padded
from torch_impl.kernels.products import ROWS
from torch_impl.kernels.threads import run_in_threads, run_with_barrier

from .computation import LayerGradients, LayerInputs, LayerOptions, is_dense
from .memory import ZEROS, address, readable, readable_indices, writable

# Least number of multiply-adds for each thread: of a phase, and of a step of a lone lane, at whose
# end all threads wait for each other.
PHASE, STEP = 2**23, 2**17


class CompiledLayer:
    """Both passes in compiled code.

    The number of threads depends on the sizes, up to torch.get_num_threads(), or is `threads`; the
    bits don't depend on it.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._fixed = threads

    def __repr__(self) -> str:
        return f"CompiledLayer(threads={self._fixed})"

    def _threads(self, work: int, enough: int) -> int:
        return self._fixed or max(1, min(torch.get_num_threads(), work // enough))

    def _lone_threads(self, T: int, H: int) -> int:
        """Return the number of threads for a lone lane's recurrence."""
        return min(self._threads(H * H, STEP), self._threads(T * H * H, PHASE))

    def forward(
        self, states: Tensor, last: Tensor, layer_inputs: LayerInputs, options: LayerOptions
    ) -> None:
        *leading, H = states.shape
        offsets = _offsets(leading, options)
        (T, B), I = (offsets.size - 1, int(offsets[1])), layer_inputs.weight_ih.shape[1]  # noqa: E741
        given, inputs = _readable(layer_inputs, states, leading, B, I, H)
        writable("the states", states, states, *leading, H)
        writable("the last state", last, states, 1, B, H)
        addresses = states.data_ptr(), last.data_ptr(), *inputs, *map(address, given[1:])
        way, zero = (options.reverse, options.relu), ZEROS[states.dtype]
        run_phase = partial(layer_forward, addresses, (B, I, H), offsets, *way, zero)
        work = int(offsets[-1]) * H * H
        products = self._threads(work * I // H, PHASE)
        recurrence = min(self._threads(work, PHASE), -(-B // ROWS))
        lone = self._lone_threads(T, H) if B == 1 else 1
        if products == recurrence == lone == 1:
            run_phase(FIRST | SECOND, 0, 1)
            return
        run_in_threads(partial(run_phase, FIRST), products)
        if lone == 1:
            run_in_threads(partial(run_phase, SECOND), recurrence)
            return
        lane = *addresses[:2], addresses[4], addresses[6]
        run = partial(lone_lane_forward, lane, T, H, *way, _exchanged(H, states.dtype))
        run_with_barrier(run, lone)

    def backward(
        self,
        gradients: LayerGradients,
        grad_preactivations: Tensor,
        grad_states: Tensor,
        grad_last: Tensor | None,
        states: Tensor,
        layer_inputs: LayerInputs,
        options: LayerOptions,
    ) -> None:
        *leading, H = states.shape
        offsets = _offsets(leading, options)
        (T, B), I = (offsets.size - 1, int(offsets[1])), layer_inputs.weight_ih.shape[1]  # noqa: E741
        given, inputs = _readable(layer_inputs, states, leading, B, I, H)
        name = "the gradient of the states"
        above = readable(name, grad_states, states, *leading, H)
        if grad_last is not None:
            grad_last = readable("the gradient of the last state", grad_last, states, 1, B, H)
        readable_states = readable("the states", states, states, *leading, H)
        shapes = (*leading, I), (B, H), (H, I), (H, H), (H,)
        for name, gradient, shape in zip(gradients._fields, gradients, shapes, strict=True):
            if gradient is not None:
                writable(f"the gradient of {name}", gradient, states, *shape)
        name = "the gradient of the pre-activations"
        writable(name, grad_preactivations, states, *leading, H)
        addresses = (
            *map(address, gradients),
            grad_preactivations.data_ptr(),
            above.data_ptr(),
            address(grad_last),
            readable_states.data_ptr(),
            *inputs,
            address(given.initial),
            given.weight_ih.data_ptr(),
            given.weight_hh.data_ptr(),
        )
        way, zero = (options.reverse, options.relu), ZEROS[states.dtype]
        run_phase = partial(layer_backward, addresses, (B, I, H), offsets, *way, zero)
        work = int(offsets[-1]) * H * H
        recurrence = min(self._threads(work, PHASE), -(-B // ROWS))
        products = self._threads(work * (H + 2 * I) // H, PHASE)
        lone = self._lone_threads(T, H) if B == 1 else 1
        if recurrence == products == lone == 1:
            run_phase(FIRST | SECOND, 0, 1)
            return
        if lone == 1:
            run_in_threads(partial(run_phase, FIRST), recurrence)
        else:
            lane = addresses[5], addresses[1], *addresses[6:9], addresses[13]
            run = partial(lone_lane_backward, lane, T, H, *way, _exchanged(H, states.dtype))
            run_with_barrier(run, lone)
        run_in_threads(partial(run_phase, SECOND), products)


def _offsets(leading: Sequence[int], options: LayerOptions) -> np.ndarray:
    """Return the first row of each step, and the number of rows."""
    if options.batch_sizes is None:
        T, B = leading
        return np.arange(0, (T + 1) * B, B, dtype=np.int64)
    offsets = np.zeros(len(options.batch_sizes) + 1, np.int64)
    np.cumsum(options.batch_sizes, out=offsets[1:])
    if offsets[-1] != leading[0]:
        raise RuntimeError(f"expected {offsets[-1]} rows, as batch_sizes has, got {leading[0]}")
    return offsets


def _exchanged(H: int, dtype: torch.dtype) -> np.ndarray:
    """Return the rows through which a lone lane's threads exchange a step's vector."""
    return np.zeros((2, padded(H, dtype)), ZEROS[dtype].dtype)


def _readable(
    layer_inputs: LayerInputs,
    like: Tensor,
    leading: Sequence[int],
    B: int,
    I: int,  # noqa: E741 - inputs
    H: int,
) -> tuple[LayerInputs, tuple[int, int]]:
    """Return the tensors in readable memory, and the addresses of dense inputs and of indices."""
    initial, bias_ih, bias_hh = layer_inputs.initial, layer_inputs.bias_ih, layer_inputs.bias_hh
    if is_dense(layer_inputs.input):
        inputs = readable("the input", layer_inputs.input, like, *leading, I)
        addresses = inputs.data_ptr(), 0
    else:
        inputs = readable_indices("the input", layer_inputs.input, I, *leading)
        addresses = 0, inputs.data_ptr()
    given = LayerInputs(
        inputs,
        None if initial is None else readable("the initial state", initial, like, B, H),
        readable("weight_ih", layer_inputs.weight_ih, like, H, I),
        readable("weight_hh", layer_inputs.weight_hh, like, H, H),
        None if bias_ih is None else readable("bias_ih", bias_ih, like, H),
        None if bias_hh is None else readable("bias_hh", bias_hh, like, H),
    )
    return given, addresses

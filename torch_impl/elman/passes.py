"""An ElmanRNN's passes one at a time, by hand: no graph, and the same buffers each time."""

from typing import NamedTuple

import torch
from torch import Tensor

from .choice import choose
from .computation import Computation, Slopes, is_dense
from .module import ElmanRNN


class ElmanGradients(NamedTuple):
    """What ElmanPasses.backward gives; a bias's gradient is the same for both biases."""

    input: Tensor | None
    hx: Tensor | None
    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor


class ElmanPasses:
    """Forward and backward of an ElmanRNN without autograd, for who writes the rest by hand.

    The layer's weights are read anew each time. All that is returned lies in buffers that the next
    call for the same sizes fills again; copy what has to last.
    """

    def __init__(self, layer: ElmanRNN, *, input_gradient: bool = True) -> None:
        """Without `input_gradient` the gradient by a dense input is not computed."""
        self.layer = layer
        self.input_gradient = input_gradient
        self._sizes: tuple | None = None
        self._given: tuple[Tensor, Tensor | None, Tensor] | None = None

    @torch.no_grad()
    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:  # noqa: A002
        """Return all states and the last ones, in nn.RNN's shapes. Raises as ElmanRNN does."""
        layer = self.layer
        sequence, initial = layer.checked(input, hx)
        kinds = sequence.dtype, layer.weight_hh_l0.dtype, initial is None
        sizes = (sequence.shape, *kinds, torch.get_num_threads())
        if sizes != self._sizes:
            self._allocate(sequence, initial)
            self._sizes = sizes
        biases = (layer.bias_ih_l0, layer.bias_hh_l0) if layer.bias else (None, None)
        weights = layer.weight_ih_l0, layer.weight_hh_l0
        self._computation.forward(self._states, sequence, initial, *weights, *biases)
        self._given = sequence, initial, input
        return layer.shaped(self._states, input)

    @torch.no_grad()
    def backward(self, from_output: Tensor) -> ElmanGradients:
        """Return the gradients for the last forward, from those by its output, of its shape.

        What the last state is to get beyond the output belongs into the output's last step. Those
        by input and hx are None where there was no such thing to differentiate by.

        Raises RuntimeError before any forward or for another shape, ValueError for another dtype.
        """
        if self._given is None:
            raise RuntimeError("backward needs a forward before it")
        sequence, initial, input = self._given  # noqa: A001
        expected = self.layer.shaped(self._states, input)[0]
        if from_output.shape != expected.shape:
            raise RuntimeError(
                f"from_output must be of the output's shape {tuple(expected.shape)}, "
                f"got {tuple(from_output.shape)}"
            )
        if from_output.dtype != expected.dtype:
            raise ValueError(
                f"from_output must be {expected.dtype} as the output, got {from_output.dtype}"
            )
        layer, slopes = self.layer, self._slopes
        from_above = layer.steps_first(from_output, input)
        weights = layer.weight_ih_l0, layer.weight_hh_l0
        given = from_above, self._states, sequence, initial
        self._computation.backward(slopes, self._signals, *given, *weights)
        by_input, by_initial = slopes.input, slopes.initial
        if by_input is not None:
            by_input = layer.shaped(by_input, input)[0]
        if by_initial is not None:
            by_initial = by_initial if not layer.is_batched(input) else by_initial.unsqueeze(0)
        return ElmanGradients(by_input, by_initial, *slopes[2:])

    def _allocate(self, sequence: Tensor, initial: Tensor | None) -> None:
        layer = self.layer
        weight_ih, weight_hh = layer.weight_ih_l0, layer.weight_hh_l0
        T, B = sequence.shape[:2]
        self._states = weight_hh.new_empty(T, B, layer.hidden_size)
        self._signals = torch.empty_like(self._states)
        wants_input = self.input_gradient and is_dense(sequence)
        self._slopes = Slopes(
            weight_hh.new_empty(sequence.shape) if wants_input else None,
            None if initial is None else weight_hh.new_empty(initial.shape),
            torch.empty_like(weight_ih, requires_grad=False),
            torch.empty_like(weight_hh, requires_grad=False),
            weight_hh.new_empty(layer.hidden_size),
        )
        self._computation: Computation = choose(
            B, layer.hidden_size, layer.input_size, self._states
        )

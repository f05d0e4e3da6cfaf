"""An ElmanRNN's passes one at a time, by hand: no graph, and the same buffers each time."""

from typing import NamedTuple

import torch
from torch import Tensor

from .choice import choose
from .computation import Computation, Given, Slopes, is_dense
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
        """Without `input_gradient` the gradient by a dense input is not computed.

        Raises NotImplementedError for more than one layer or direction, or another nonlinearity.
        """
        if layer.mode != "RNN_TANH" or layer.num_layers != 1 or layer.bidirectional:
            raise NotImplementedError(
                f"ElmanPasses computes one layer of tanh in one direction, got {layer}"
            )
        self.layer = layer
        self.input_gradient = input_gradient
        self._buffers: _Buffers | None = None
        self._given: Given | None = None

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:  # noqa: A002
        """Return all states and the last ones, in nn.RNN's shapes. Raises as ElmanRNN does."""
        layer = self.layer
        given = self._read(input, hx)
        sequence, initial, _, weight_hh, *_ = given
        kinds = sequence.dtype, weight_hh.dtype, initial is None, input.dim(), layer.batch_first
        sizes = (sequence.shape, *kinds, torch.get_num_threads())
        buffers = self._buffers
        self._given = None  # until all has been computed
        if buffers is None or buffers.sizes != sizes:
            buffers = self._buffers = self._allocate(sizes, given, input)
        own = buffers.states.untyped_storage().data_ptr()  # what it returned is given back to it
        if sequence.untyped_storage().data_ptr() == own:
            given = given._replace(input=sequence.clone())
        if initial is not None and initial.untyped_storage().data_ptr() == own:
            given = given._replace(initial=initial.clone())
        buffers.computation.forward(buffers.states, given)
        self._given = given
        return buffers.output, buffers.last

    def backward(self, from_output: Tensor) -> ElmanGradients:
        """Return the gradients for the last forward, from those by its output, of its shape.

        What the last state is to get beyond the output belongs into the output's last step. Those
        by input and hx are None where there was no such thing to differentiate by. Neither input
        nor hx may have changed since.

        Raises RuntimeError before any forward or for another shape, ValueError for another dtype.
        """
        buffers, given = self._buffers, self._given
        if buffers is None or given is None:
            raise RuntimeError("backward needs a forward before it")
        output = buffers.output
        if from_output.shape != output.shape:
            raise RuntimeError(
                f"from_output must be of the output's shape {tuple(output.shape)}, "
                f"got {tuple(from_output.shape)}"
            )
        if from_output.dtype != output.dtype:
            raise ValueError(
                f"from_output must be {output.dtype} as the output, got {from_output.dtype}"
            )
        from_above = from_output.detach()
        if from_above.shape != buffers.states.shape or self.layer.batch_first:
            from_above = self.layer.steps_first(from_above, output.dim() == 3)
        buffers.computation.backward(
            buffers.slopes, buffers.signals, from_above, buffers.states, given
        )
        return buffers.gradients

    def _read(self, input: Tensor, hx: Tensor | None) -> Given:  # noqa: A002
        given = self.layer.given(input, hx) if isinstance(input, Tensor) else None
        if given is None:
            with torch.no_grad():
                self.layer(input, hx)  # nn.RNN names what doesn't fit
            raise NotImplementedError(
                f"ElmanPasses takes tensors of the weights' dtype, got {type(input).__name__} and "
                f"{type(hx).__name__} for {self.layer}"
            )
        sequence, initial, weight_ih, weight_hh, bias_ih, bias_hh = given
        return Given(
            sequence.detach(),
            None if initial is None else initial.detach(),
            weight_ih.detach(),
            weight_hh.detach(),
            None if bias_ih is None else bias_ih.detach(),
            None if bias_hh is None else bias_hh.detach(),
        )

    def _allocate(self, sizes: tuple, given: Given, input: Tensor) -> "_Buffers":  # noqa: A002
        layer = self.layer
        sequence, initial, weight_ih, weight_hh, *_ = given
        T, B = sequence.shape[:2]
        H, I = weight_ih.shape  # noqa: E741
        states = weight_hh.new_empty(T, B, H)
        slopes = Slopes(
            weight_hh.new_empty(sequence.shape)
            if self.input_gradient and is_dense(sequence)
            else None,
            None if initial is None else weight_hh.new_empty(initial.shape),
            torch.empty_like(weight_ih),
            torch.empty_like(weight_hh),
            weight_hh.new_empty(H),
        )
        by_input, by_hx = slopes.input, slopes.initial
        if by_input is not None:
            by_input = layer.shaped(by_input, by_input[-1:], input)[0]
        if by_hx is not None and layer.is_batched(input):
            by_hx = by_hx.unsqueeze(0)
        return _Buffers(
            sizes,
            choose(B, H, I, states),
            states,
            torch.empty_like(states),
            slopes,
            *layer.shaped(states, states[-1:], input),
            ElmanGradients(by_input, by_hx, *slopes[2:]),
        )


class _Buffers(NamedTuple):
    sizes: tuple
    computation: Computation
    states: Tensor
    signals: Tensor
    slopes: Slopes
    output: Tensor  # a view of the states, as are
    last: Tensor  # the last ones
    gradients: ElmanGradients  # views of the slopes

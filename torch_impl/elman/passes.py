"""The forward and backward pass of an ElmanRNN without autograd, in buffers that are reused."""

from typing import NamedTuple

import torch
from torch import Tensor

from .choice import choose
from .computation import Computation, LayerGradients, LayerInputs, LayerOptions, is_dense
from .module import ElmanRNN


class ElmanGradients(NamedTuple):
    """The result of ElmanPasses.backward; `bias` is the gradient of each of the two biases."""

    input: Tensor | None
    hx: Tensor | None
    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor


class ElmanPasses:
    """Forward and backward pass of an ElmanRNN without autograd, for a hand-written training loop.

    Every call reads the layer's current weights. The returned tensors are buffers that the next
    call with the same sizes overwrites; clone what you need to keep.

    Example:
        passes = ElmanPasses(ElmanRNN(64, 128))
        output, h_n = passes.forward(input)  # (T, B, 128), (1, B, 128)
        gradients = passes.backward(grad_output)  # the loss gradient of `output`
    """

    def __init__(self, layer: ElmanRNN, *, input_gradient: bool = True) -> None:
        """Prepare the passes; `input_gradient=False` skips the gradient of the input.

        Raises NotImplementedError for more than one layer or direction.
        """
        if layer.num_layers != 1 or layer.bidirectional:
            raise NotImplementedError(f"ElmanPasses computes one layer, one direction, got {layer}")
        self.layer = layer
        self.input_gradient = input_gradient
        self._options = LayerOptions(relu=layer.mode == "RNN_RELU")
        self._buffers: _Buffers | None = None
        self._layer_inputs: LayerInputs | None = None

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:  # noqa: A002
        """Return (output, h_n) in nn.RNN's shapes. Raises the errors of ElmanRNN."""
        layer = self.layer
        layer_inputs = self._read(input, hx)
        sequence, initial, _, weight_hh, *_ = layer_inputs
        kinds = sequence.dtype, weight_hh.dtype, initial is None, input.dim(), layer.batch_first
        sizes = (sequence.shape, *kinds, torch.get_num_threads())
        buffers = self._buffers
        self._layer_inputs = None  # until the pass is complete
        if buffers is None or buffers.sizes != sizes:
            buffers = self._buffers = self._allocate(sizes, layer_inputs, input)
        # An earlier result may be passed back in.
        own = [value.untyped_storage().data_ptr() for value in (buffers.states, buffers.last_state)]
        if sequence.untyped_storage().data_ptr() in own:
            layer_inputs = layer_inputs._replace(input=sequence.clone())
        if initial is not None and initial.untyped_storage().data_ptr() in own:
            layer_inputs = layer_inputs._replace(initial=initial.clone())
        buffers.computation.forward(buffers.states, buffers.last_state, layer_inputs, self._options)
        self._layer_inputs = layer_inputs
        return buffers.output, buffers.last

    def backward(self, grad_output: Tensor) -> ElmanGradients:
        """Return the gradients for the last forward call.

        `grad_output` is the loss gradient with respect to its output, of the same shape and dtype;
        add the gradient of h_n, if any, to the output's last step. The gradients of input and hx
        are None if the input holds indices or there was no hx. Neither may have changed since
        forward.

        Raises RuntimeError without a forward call before it or for a wrong shape, ValueError for a
        wrong dtype.
        """
        buffers, layer_inputs = self._buffers, self._layer_inputs
        if buffers is None or layer_inputs is None:
            raise RuntimeError("backward needs a forward before it")
        output = buffers.output
        if grad_output.shape != output.shape:
            raise RuntimeError(
                f"grad_output must be of the output's shape {tuple(output.shape)}, "
                f"got {tuple(grad_output.shape)}"
            )
        if grad_output.dtype != output.dtype:
            raise ValueError(
                f"grad_output must be {output.dtype} as the output, got {grad_output.dtype}"
            )
        grad_states = grad_output.detach()
        if grad_states.shape != buffers.states.shape or self.layer.batch_first:
            grad_states = self.layer.steps_first(grad_states, output.dim() == 3)
        buffers.computation.backward(
            buffers.layer_gradients,
            buffers.grad_preactivations,
            grad_states,
            None,
            buffers.states,
            layer_inputs,
            self._options,
        )
        return buffers.gradients

    def _read(self, input: Tensor, hx: Tensor | None) -> LayerInputs:  # noqa: A002
        read = self.layer.read(input, hx) if isinstance(input, Tensor) else None
        if read is None:
            with torch.no_grad():
                self.layer(input, hx)  # raises nn.RNN's error for what doesn't fit
            raise NotImplementedError(
                f"ElmanPasses takes tensors of the weights' dtype, got {type(input).__name__} and "
                f"{type(hx).__name__} for {self.layer}"
            )
        initial, (weight_ih, weight_hh, bias_ih, bias_hh) = read.initial[0], read.weights[0]
        return LayerInputs(
            read.sequence.detach(),
            None if initial is None else initial.detach(),
            weight_ih.detach(),
            weight_hh.detach(),
            None if bias_ih is None else bias_ih.detach(),
            None if bias_hh is None else bias_hh.detach(),
        )

    def _allocate(self, sizes: tuple, layer_inputs: LayerInputs, input: Tensor) -> "_Buffers":  # noqa: A002
        layer = self.layer
        sequence, initial, weight_ih, weight_hh, *_ = layer_inputs
        T, B = sequence.shape[:2]
        H = len(weight_hh)
        states, last = weight_hh.new_empty(T, B, H), weight_hh.new_empty(1, B, H)
        weights = torch.empty_like(weight_ih), torch.empty_like(weight_hh), weight_hh.new_empty(H)
        layer_gradients = LayerGradients(
            weight_hh.new_empty(sequence.shape)
            if self.input_gradient and is_dense(sequence)
            else None,
            None if initial is None else weight_hh.new_empty(initial.shape),
            *weights,
        )
        grad_input, grad_hx = layer_gradients.input, layer_gradients.initial
        if grad_input is not None:
            grad_input = layer.shaped(grad_input, grad_input[-1:], input)[0]
        if grad_hx is not None and layer.is_batched(input):
            grad_hx = grad_hx.unsqueeze(0)
        return _Buffers(
            sizes,
            choose(states),
            states,
            last,
            torch.empty_like(states),
            layer_gradients,
            *layer.shaped(states, last, input),
            ElmanGradients(grad_input, grad_hx, *weights),
        )


class _Buffers(NamedTuple):
    sizes: tuple
    computation: Computation
    states: Tensor
    last_state: Tensor
    grad_preactivations: Tensor
    layer_gradients: LayerGradients
    output: Tensor  # a view of `states` in nn.RNN's shape
    last: Tensor  # a view of `last_state` in nn.RNN's shape
    gradients: ElmanGradients  # views of `layer_gradients` in nn.RNN's shapes

"""torch.nn.RNN with a faster implementation of a single tanh layer on the CPU.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding
from torch.nn.utils.rnn import PackedSequence

from .choice import COMPILED_DTYPES, HAS_NUMBA
from .computation import LayerInputs
from .memory import check_storage
from .operator import PLAIN, is_transformed, states_of

INDICES = (torch.int64, torch.int32)
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


class ElmanRNN(nn.RNN):
    """A drop-in replacement for nn.RNN: same arguments, weights, results and errors, often faster.

    A single unidirectional tanh layer, float32 or float64 on the CPU, is computed by a compiled
    forward and a hand-written backward pass. Torch computes everything else: other configurations,
    gradients of gradients, and torch.func transforms.

    Beyond nn.RNN, the input may hold indices (int64 or int32), which stand for one-hot vectors:
    (T, B), or (B, T) with batch_first, or (T,) without a batch. An index outside
    0..input_size-1 raises IndexError. The layer also works under torch.vmap and can be exported
    with a dynamic sequence length.

    Example:
        layer = ElmanRNN(64, 128, batch_first=True)
        output, h_n = layer(torch.randn(16, 50, 64))  # (16, 50, 128), (1, 16, 128)
    """

    weight_ih_l0: nn.Parameter
    weight_hh_l0: nn.Parameter
    bias_ih_l0: nn.Parameter
    bias_hh_l0: nn.Parameter

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:  # noqa: A002
        """Return (output, h_n): the states after every step and the last state, as nn.RNN does."""
        if is_compiled_here(self) and _may_pass(input):
            layer_inputs = self.layer_inputs(input, hx)
            if layer_inputs is not None:
                return self.shaped(*states_of(layer_inputs), input)
        elif isinstance(input, torch.fx.Proxy):
            tracer = input.tracer
            if isinstance(tracer, torch.fx.Tracer) and tracer.root is not self:
                # torch.fx keeps the layer as one call, as it does for torch's own modules.
                arguments = (input,) if hx is None else (input, hx)
                path = tracer.path_of_module(self)
                return tracer.create_proxy("call_module", path, arguments, {})
        if not (torch.compiler.is_compiling() or _is_traced() or is_transformed()):
            self._check_storages(input, hx)
        return super().forward(self._dense(input), hx)

    def layer_inputs(self, input: Tensor, hx: Tensor | None) -> LayerInputs | None:  # noqa: A002
        """Return the tensors that the compiled layer reads, or None if it can't compute this call.

        None also for shapes, dtypes and devices that don't fit: nn.RNN then raises its own error.
        """
        found = self._parameters
        weight_ih, weight_hh, bias_ih, bias_hh = [found.get(name) for name in NAMES]
        if weight_ih is None or weight_hh is None:
            return None
        H, I = self.hidden_size, self.input_size  # noqa: E741
        if not (_fits(weight_ih, weight_hh, H, I) and _fits(weight_hh, weight_hh, H, H)):
            return None
        if self.bias:
            if bias_ih is None or bias_hh is None:
                return None
            if not (_fits(bias_ih, weight_hh, H) and _fits(bias_hh, weight_hh, H)):
                return None
        elif bias_ih is not None or bias_hh is not None:
            return None
        dense = input.dtype not in INDICES
        batched = input.dim() == (3 if dense else 2)
        if not batched and input.dim() != (2 if dense else 1):
            return None
        sequence = self.steps_first(input, batched)
        T, B = sequence.shape[:2]
        if T == 0 or B == 0 or (dense and not _fits(sequence, weight_hh, T, B, I)):
            return None
        if hx is not None:
            if not _fits(hx, weight_hh, *((1, B, H) if batched else (1, H))):
                return None
            hx = hx.view(B, H) if hx.is_contiguous() else hx.reshape(B, H)
        # Copied here if at all: once, and the copy stays as it is if the input changes later.
        return LayerInputs(sequence.contiguous(), hx, weight_ih, weight_hh, bias_ih, bias_hh)

    def shaped(self, states: Tensor, last: Tensor, input: Tensor) -> tuple[Tensor, Tensor]:  # noqa: A002
        """Reshape (T, B, …) and (1, B, …) to nn.RNN's output shapes for this input."""
        if self.is_batched(input):
            return (states.transpose(0, 1) if self.batch_first else states), last
        return states.squeeze(1), last.squeeze(1)

    def steps_first(self, value: Tensor, batched: bool) -> Tensor:
        """Reshape a tensor with the shape of nn.RNN's input or output to (T, B, …)."""
        if not batched:
            return value.unsqueeze(1)
        return value.transpose(0, 1) if self.batch_first else value

    def is_batched(self, input: Tensor) -> bool:  # noqa: A002
        return input.dim() == (2 if input.dtype in INDICES else 3)

    def _check_storages(self, input: Any, hx: Tensor | None) -> None:  # noqa: A002
        """Raise RuntimeError where torch itself might read beyond a tensor's storage."""
        data = input.data if isinstance(input, PackedSequence) else input
        for name, value in (("input", data), ("hx", hx), *self._parameters.items()):
            if not isinstance(value, Tensor) or type(value) not in PLAIN:
                continue
            if value.is_cpu and value.layout is torch.strided:
                check_storage(name, value)

    def _dense(self, input: Any) -> Any:  # noqa: A002
        """Return the input with indices replaced by one-hot vectors."""
        if isinstance(input, PackedSequence):
            return input._replace(data=self._dense(input.data))
        if not isinstance(input, Tensor) or input.dtype not in INDICES or input.dim() > 2:
            return input
        one_hot = torch.eye(self.input_size, dtype=self.weight_ih_l0.dtype)
        return embedding(input, one_hot.to(input.device))

    def __prepare_scriptable__(self) -> nn.RNN:
        """Return an nn.RNN with the same weights, which torch.jit.script compiles instead."""
        plain = nn.RNN.__new__(nn.RNN)
        plain.__setstate__(self.__getstate__())
        return plain


def is_compiled_here(layer: nn.RNN) -> bool:
    """Return whether it is a single unidirectional tanh layer that compiled code can compute."""
    weight = layer._parameters.get("weight_hh_l0")
    return (
        HAS_NUMBA
        and layer.mode == "RNN_TANH"
        and layer.num_layers == 1
        and not layer.bidirectional
        and weight is not None
        and weight.is_cpu
        and weight.dtype in COMPILED_DTYPES
    )


def _may_pass(input: Any) -> bool:  # noqa: A002
    """Return whether compiled code may run: no tracer, mode or autocast needs to see operations."""
    if torch._C._is_any_autocast_enabled():
        return False
    if torch.compiler.is_compiling():
        return isinstance(input, Tensor) and not torch.onnx.is_in_onnx_export()
    return type(input) in PLAIN and not _is_traced() and torch._C._len_torch_dispatch_stack() == 0


def _is_traced() -> bool:
    return torch._C._get_tracing_state() is not None


def _fits(tensor: Tensor, like: Tensor, *shape: int) -> bool:
    """Return whether it is a strided tensor of this shape, with the dtype and device of `like`."""
    return (
        (type(tensor) in PLAIN or (torch.compiler.is_compiling() and isinstance(tensor, Tensor)))
        and tensor.shape == shape
        and tensor.dtype == like.dtype
        and tensor.layout is torch.strided
        and tensor.is_cpu == like.is_cpu
    )

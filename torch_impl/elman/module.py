"""torch.nn.RNN with a faster implementation on the CPU.

T steps, B lanes (the sequences of the batch), R rows of a packed sequence, I inputs, H hidden
units.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding
from torch.nn.utils.rnn import PackedSequence

from .choice import COMPILED_DTYPES, HAS_NUMBA
from .computation import LayerInputs, LayerOptions
from .memory import check_storage
from .operator import PLAIN, is_transformed, states_of

# What nn.RNN's forward method calls; a layer with others of these is left to it.
_METHODS = frozenset(
    {"check_forward_args", "check_input", "check_hidden_size", "get_expected_hidden_size"}
    | {"permute_hidden", "_update_flat_weights", "_weights_have_changed", "_init_flat_weights"}
)
MODES = ("RNN_TANH", "RNN_RELU")
INDICES = (torch.int64, torch.int32)
Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None]  # and the biases: as LayerInputs has


class ElmanRNN(nn.RNN):
    """A drop-in replacement for nn.RNN: same arguments, weights, results and errors, often faster.

    In float32 and float64 on the CPU every layer and direction is computed by a compiled forward
    and a hand-written backward pass, tanh or relu, packed sequences without their padding. Torch
    computes everything else: other dtypes and devices, gradients of gradients, and torch.func
    transforms.

    Beyond nn.RNN, the input may hold indices (int64 or int32), which stand for one-hot vectors:
    (T, B), or (B, T) with batch_first, or (T,) without a batch, or (R,) packed. An index outside
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
    _overrides = False  # whether a subclass has others of the methods that nn.RNN's forward calls

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._overrides = any(getattr(cls, name) is not getattr(nn.RNN, name) for name in _METHODS)

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:  # noqa: A002
        """Return (output, h_n): the states after every step and the last state, as nn.RNN does."""
        if is_compiled_here(self) and _may_pass(input):
            found = self._compiled(input, hx)
            if found is not None:
                return found
        for proxy in (input, hx):
            tracer = proxy.tracer if isinstance(proxy, torch.fx.Proxy) else None
            if isinstance(tracer, torch.fx.Tracer) and tracer.root is not self:
                # torch.fx keeps the layer as one call, as it does for torch's own modules.
                arguments = (input,) if hx is None else (input, hx)
                path = tracer.path_of_module(self)
                return tracer.create_proxy("call_module", path, arguments, {})
        if not (torch.compiler.is_compiling() or _is_traced() or is_transformed()):
            self._check_storages(input, hx)
        return super().forward(self._dense(input), hx)

    def _compiled(self, input: Tensor | PackedSequence, hx: Tensor | None) -> Any:  # noqa: A002
        """Return what `forward` does, or None if compiled code can't compute this call."""
        if self._overrides or not _METHODS.isdisjoint(self.__dict__):
            return None
        if self.mode not in MODES or not isinstance(self.dropout, float) or self.proj_size:
            return None
        if isinstance(input, PackedSequence) and hx is not None and type(hx) in PLAIN:
            hx = self.permute_hidden(hx, input.sorted_indices)
        read = self.read(input, hx)
        if read is None:
            return None
        sequence, initial, weights, sizes = read
        relu, directions = self.mode == "RNN_RELU", 2 if self.bidirectional else 1
        lasts = []
        for first in range(0, len(weights), directions):
            inner = directions == 2 or first + directions < len(weights)
            outputs = []
            for k in range(first, first + directions):
                options = LayerOptions(sizes, k > first, relu)
                states, last = states_of(
                    LayerInputs(sequence, initial[k], *weights[k]), options, inner
                )
                outputs.append(states)
                lasts.append(last)
            sequence = outputs[0] if directions == 1 else torch.cat(outputs, -1)
            if self.dropout > 0 and self.training and first + directions < len(weights):
                sequence = torch.dropout(sequence, self.dropout, True)
        h_n = lasts[0] if len(lasts) == 1 else torch.cat(lasts)
        if isinstance(input, PackedSequence):
            output = input._replace(data=sequence)
            return output, self.permute_hidden(h_n, input.unsorted_indices)
        if self.batch_first and self.is_batched(input):
            return sequence.transpose_(0, 1), h_n  # not a view, which can't be detached in place
        return self.shaped(sequence, h_n, input)

    def read(self, input: Tensor | PackedSequence, hx: Tensor | None) -> "Read | None":  # noqa: A002
        """Return the tensors that the compiled layers read, or None if they can't.

        None also for shapes, dtypes and devices that don't fit: nn.RNN then raises its own error.
        """
        H, I = self.hidden_size, self.input_size  # noqa: E741
        weights = self._weights()
        if weights is None:
            return None
        like = weights[0][1]
        if isinstance(input, PackedSequence):
            sizes = _batch_sizes(input)
            if sizes is None:
                return None
            sequence, B, batched = input.data, sizes[0], True
            dense = sequence.dtype not in INDICES
            leading = (sum(sizes),)
            if not dense and sequence.shape != leading:
                return None
        else:
            dense, sizes = input.dtype not in INDICES, None
            batched = input.dim() == (3 if dense else 2)
            if not batched and input.dim() != (2 if dense else 1):
                return None
            sequence = self.steps_first(input, batched)
            leading = sequence.shape[:2]
            B = leading[1]
            if leading[0] == 0 or B == 0:
                return None
        if dense and not _fits(sequence, like, *leading, I):
            return None
        initial: tuple[Tensor | None, ...] = (None,) * len(weights)
        if hx is not None:
            count = len(weights)
            if not _fits(hx, like, *((count, B, H) if batched else (count, H))):
                return None
            initial = (hx.reshape(B, H),) if count == 1 else hx.reshape(count, B, H).unbind(0)
        # Copied here if at all: once, and the copy stays as it is if the input changes later.
        return Read(sequence.contiguous(), initial, weights, sizes)

    def _weights(self) -> list[Weights] | None:
        """Return the weights of each layer and direction, or None if one doesn't fit.

        As in nn.RNN they are those of `_flat_weights`, brought up to date first; but a graph is
        made of the parameters, since a tracer puts others in their place for a while.
        """
        own = [self._parameters.get(name) for name in self._flat_weights_names]
        if any(weight is None for weight in own):
            return None
        flat: list[Any] = own
        if not torch.compiler.is_compiling():
            for weight, ref in zip(own, self._flat_weight_refs, strict=False):
                if ref is None or ref() is not weight:
                    self._update_flat_weights()
                    break
            flat = self._flat_weights
        found: list[Weights] = []
        H, size = self.hidden_size, 4 if self.bias else 2
        directions = 2 if self.bidirectional else 1
        if len(flat) != size * directions * self.num_layers:
            return None
        like = flat[1]
        if not _fits(like, like, H, H) or like.dtype not in COMPILED_DTYPES:
            return None
        for first in range(0, len(flat), size):
            one = tuple(flat[first : first + size])
            I = self.input_size if first < size * directions else directions * H  # noqa: E741
            for weight, shape in zip(one, ((H, I), (H, H), (H,), (H,)), strict=False):
                if not _fits(weight, like, *shape):
                    return None
            found.append(one if self.bias else (*one, None, None))
        return found

    def shaped(self, states: Tensor, last: Tensor, input: Tensor) -> tuple[Tensor, Tensor]:  # noqa: A002
        """Reshape (T, B, …) and (L, B, …) to nn.RNN's output shapes for this input."""
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
        swapped = zip(self._flat_weights_names, self._flat_weights, strict=False)
        weights = (*self._parameters.items(), *swapped)
        for name, value in (("input", data), ("hx", hx), *weights):
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
        """Return what torch.jit.script compiles instead: a layer with nn.RNN's forward method.

        It shares all attributes with this one. A forward method of a subclass is compiled itself.
        """
        kind = type(self)
        if kind.forward is not ElmanRNN.forward:
            return self
        plain: Any = nn.RNN
        if kind is not ElmanRNN:
            plain = type(kind.__name__, (kind,), {"forward": nn.RNN.forward})
        twin = plain.__new__(plain)
        twin.__dict__ = self.__dict__
        return twin


class Read(NamedTuple):
    """The tensors that the compiled layers read; `initial` and `weights` by layer and direction."""

    sequence: Tensor  # (T, B, I) or (R, I), or without I if it holds indices
    initial: tuple[Tensor | None, ...]  # each (B, H)
    weights: list[Weights]
    batch_sizes: tuple[int, ...] | None  # of a packed sequence


def is_compiled_here(layer: nn.RNN) -> bool:
    """Return whether compiled code can compute the layer with its dtype, on its device."""
    weight = layer._parameters.get("weight_hh_l0")
    return HAS_NUMBA and weight is not None and weight.is_cpu and weight.dtype in COMPILED_DTYPES


def _batch_sizes(packed: PackedSequence) -> tuple[int, ...] | None:
    """Return the number of lanes of each step, or None if nobody packed a sequence so."""
    sizes = packed.batch_sizes
    if type(sizes) is not Tensor or sizes.dtype != torch.int64 or not sizes.is_cpu:
        return None
    found = tuple(sizes.tolist()) if sizes.dim() == 1 else ()
    falls = all(later <= before for before, later in pairwise(found))
    return found if falls and found and found[-1] > 0 else None


def _may_pass(input: Any) -> bool:  # noqa: A002
    """Return whether compiled code may run: no tracer, mode or autocast needs to see operations."""
    if torch._C._is_any_autocast_enabled():
        return False
    if torch.compiler.is_compiling():
        return isinstance(input, Tensor) and not torch.onnx.is_in_onnx_export()
    data = input.data if type(input) is PackedSequence else input
    return type(data) in PLAIN and not _is_traced() and torch._C._len_torch_dispatch_stack() == 0


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

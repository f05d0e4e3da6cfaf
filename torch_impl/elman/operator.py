"""The layer as a registered operator with a hand-written backward.

T steps, B lanes (the batch), I inputs, H hidden units.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .choice import choose

# Defined at the dispatcher, with an autograd kernel of its own: torch.library.custom_op and
# register_autograd do the same, but cost 0.1 ms a pass, half of a small layer's time.
_library = torch.library.Library("bptt", "DEF")
_library.define(
    "elman(Tensor input, Tensor initial, Tensor weight_ih, Tensor weight_hh, Tensor? bias) "
    "-> Tensor"
)
_library.define(
    "elman_backward(Tensor from_above, Tensor states, Tensor input, Tensor initial, "
    "Tensor weight_ih, Tensor weight_hh, bool wants_input) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)"
)
PLAIN = (Tensor, torch.nn.Parameter)

elman = torch.ops.bptt.elman.default
elman_backward = torch.ops.bptt.elman_backward.default


def _elman(
    input: Tensor,  # noqa: A002
    initial: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """Return the states (T, B, H) after each step.

    `input` is (T, B, I), or (T, B) of whole numbers that pick columns of weight_ih (H, I);
    `initial` is (B, H), weight_hh is (H, H), bias is (H,).
    """
    states = _from_input(input, weight_ih, bias)
    choose(states).forward(states, initial.contiguous(), weight_hh.contiguous())
    return states


def _fake_elman(input, initial, weight_ih, weight_hh, bias):  # noqa: A002
    T, B = input.shape[:2]
    return initial.new_empty((T, B, weight_hh.shape[0]))


def _elman_backward(
    from_above: Tensor,
    states: Tensor,
    input: Tensor,  # noqa: A002
    initial: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    wants_input: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients by input (empty unless wanted), initial, both weights and bias."""
    T, B, H = states.shape
    signals = torch.empty_like(states, memory_format=torch.contiguous_format).copy_(from_above)
    states = states.contiguous()
    weight_hh = weight_hh.contiguous()
    by_initial = choose(states).backward(signals, states, weight_hh)
    flat = signals.view(T * B, H)
    by_hh = torch.mm(signals[0].t(), initial)
    if T > 1:
        by_hh.addmm_(flat[B:].t(), states.view(T * B, H)[:-B])
    if _is_dense(input):
        by_ih = torch.mm(flat.t(), input.reshape(T * B, -1))
        by_input = (
            torch.mm(flat, weight_ih).view(input.shape) if wants_input else input.new_empty(0)
        )
    else:
        columns = weight_ih.new_zeros(weight_ih.shape[::-1])
        by_ih = columns.index_add_(0, input.reshape(-1), flat).t().contiguous()
        by_input = weight_ih.new_empty(0)
    return by_input, by_initial, by_ih, by_hh, flat.sum(0)


def _fake_elman_backward(from_above, states, input, initial, weight_ih, weight_hh, wants_input):  # noqa: A002
    by_input = input.new_empty(input.shape) if wants_input else weight_ih.new_empty(0)
    return (
        by_input,
        initial.new_empty(initial.shape),
        weight_ih.new_empty(weight_ih.shape),
        weight_hh.new_empty(weight_hh.shape),
        weight_hh.new_empty(weight_hh.shape[:1]),
    )


class _Elman(torch.autograd.Function):
    """The operator's autograd kernel: the hand-written backward, itself an operator."""

    @staticmethod
    def forward(ctx, input, initial, weight_ih, weight_hh, bias):  # noqa: A002
        if _is_plain(initial):
            states = _elman(input, initial, weight_ih, weight_hh, bias)
        else:
            with torch._C._AutoDispatchBelowAutograd():
                states = elman(input, initial, weight_ih, weight_hh, bias)
        ctx.save_for_backward(states, input, initial, weight_ih, weight_hh)
        return states

    @staticmethod
    def backward(ctx, *grad_outputs):
        if torch.is_grad_enabled():  # under create_graph, and the result would miss its graph
            raise NotImplementedError("ElmanRNN has no gradients of gradients; use nn.RNN")
        wants_input, *_, wants_bias = ctx.needs_input_grad
        from_above: Tensor = grad_outputs[0]
        reverse: Callable = _elman_backward if _is_plain(from_above) else elman_backward
        by_input, by_initial, by_ih, by_hh, by_bias = reverse(
            from_above, *ctx.saved_tensors, wants_input
        )
        by_input = by_input if wants_input else None
        return by_input, by_initial, by_ih, by_hh, by_bias if wants_bias else None


def _is_plain(tensor: Tensor) -> bool:
    """Whether nobody traces or wraps tensors, so that the dispatcher can be passed by."""
    return type(tensor) in PLAIN and torch._C._len_torch_dispatch_stack() == 0


def _is_dense(input: Tensor) -> bool:  # noqa: A002
    return input.is_floating_point()


def _from_input(input: Tensor, weight_ih: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
    """Return a new contiguous (T, B, H) tensor: what each step gets from its input and the bias."""
    T, B = input.shape[:2]
    H = weight_ih.shape[0]
    if not _is_dense(input):
        columns = weight_ih.t() if bias is None else weight_ih.t() + bias
        return columns.contiguous().index_select(0, input.reshape(-1)).view(T, B, H)
    rows = input.reshape(T * B, -1)
    product = (
        torch.mm(rows, weight_ih.t()) if bias is None else torch.addmm(bias, rows, weight_ih.t())
    )
    return product.view(T, B, H)


def _apply(*arguments: Tensor | None) -> Tensor:
    return _Elman.apply(*arguments)


_library.impl("elman", _elman, "CompositeExplicitAutograd")
_library.impl("elman", _apply, "Autograd")
_library.impl("elman_backward", _elman_backward, "CompositeExplicitAutograd")
torch.library.register_fake("bptt::elman", _fake_elman, lib=_library)
torch.library.register_fake("bptt::elman_backward", _fake_elman_backward, lib=_library)

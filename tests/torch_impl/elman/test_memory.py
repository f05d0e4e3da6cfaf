"""Tensors passed to kernels by address are checked, and read as torch itself would read them."""

import pytest
import torch
from torch import Tensor

from tests.torch_impl.elman.layers import WAYS, assert_near
from torch_impl.elman.computation import Computation, LayerGradients, LayerInputs, LayerOptions
from torch_impl.elman.memory import address, readable, writable

T, B, I, H = 4, 3, 5, 7  # noqa: E741 - inputs


def negated(value: Tensor) -> Tensor:
    """Return the same numbers as a view with torch's negative bit set."""
    view = torch.complex(value, -value).conj().imag
    assert view.is_neg()
    return view


def negated_in_place(value: Tensor) -> Tensor:
    view = torch.ops.aten._neg_view(-value)
    assert view.is_neg()
    assert view.is_contiguous()
    return view


def strided(value: Tensor) -> Tensor:
    return torch.stack([value, value + 1], dim=-1)[..., 0]


def expanded(value: Tensor) -> Tensor:
    return value[..., :1].expand(value.shape)


def gradients(way: Computation, layer_inputs: LayerInputs, grad_states: Tensor) -> list[Tensor]:
    states, grad_preactivations = torch.empty(T, B, H), torch.empty(T, B, H)
    found = LayerGradients(
        *(torch.empty(shape) for shape in ((T, B, I), (B, H), (H, I), (H, H), (H,)))
    )
    way.forward(states, torch.empty(1, B, H), layer_inputs, LayerOptions())
    above = grad_states, None
    way.backward(found, grad_preactivations, *above, states, layer_inputs, LayerOptions())
    return [states, *(grad for grad in found if grad is not None)]


@pytest.mark.parametrize("view", [negated, negated_in_place, strided, expanded])
@pytest.mark.parametrize("way", WAYS, ids=repr)
def test_views_are_read_as_torch_reads_them(way: Computation, view) -> None:
    torch.manual_seed(0)
    shapes = (T, B, I), (B, H), (H, I), (H, H), (H,), (H,), (T, B, H)
    viewed = [view(torch.randn(shape)) for shape in shapes]
    plain = [value.resolve_neg().clone().contiguous() for value in viewed]
    got = gradients(way, LayerInputs(*viewed[:-1]), viewed[-1])
    expected = gradients(way, LayerInputs(*plain[:-1]), plain[-1])
    for number, (a, b) in enumerate(zip(got, expected, strict=True)):
        assert_near(a, b, f"result {number}")


def test_what_a_kernel_would_misread_is_refused() -> None:
    like = torch.zeros(2, 3)
    assert readable("it", like, like, 2, 3) is like
    assert address(None) == 0
    with pytest.raises(RuntimeError, match=r"it must be of shape \(3, 2\), got \(2, 3\)"):
        readable("it", like, like, 3, 2)
    with pytest.raises(RuntimeError, match="on the CPU, got torch"):
        readable("it", like.double(), like, 2, 3)
    with pytest.raises(RuntimeError, match="on the CPU, got torch"):
        readable("it", like.to("meta"), like, 2, 3)
    with pytest.raises(RuntimeError, match=r"it must be contiguous, got strides \(1, 2\)"):
        writable("it", torch.zeros(3, 2).t(), like, 2, 3)

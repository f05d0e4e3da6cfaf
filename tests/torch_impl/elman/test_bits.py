"""A sequence's numbers do not depend on the batch around it, nor on threads or earlier calls."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import one_hot

from torch_impl import ElmanRNN
from torch_impl.elman.compiled import CompiledLayer
from torch_impl.elman.computation import LayerGradients, LayerInputs

sizes = {
    "T": st.integers(1, 9),
    "I": st.integers(1, 40),
    "H": st.integers(1, 70) | st.sampled_from([150, 601]),
    "dtype": st.sampled_from([torch.float32, torch.float64]),
    "seed": st.integers(0, 10**6),
}


def passes(layer: ElmanRNN, x: Tensor, start: Tensor, above: Tensor) -> list[Tensor]:
    """Return output, h_n, and the gradients of input and initial state."""
    x, start = x.clone().requires_grad_(), start.clone().requires_grad_()
    output, last = layer(x, start)
    (output * above).sum().backward()
    assert x.grad is not None
    assert start.grad is not None
    return [output, last, x.grad, start.grad]


@given(**sizes, B=st.sampled_from([2, 3, 16, 33]))
def test_sequence_alone_has_the_bits_that_it_has_in_a_batch(T, I, H, dtype, seed, B) -> None:  # noqa: E741
    torch.manual_seed(seed)
    layer = ElmanRNN(I, H, dtype=dtype)
    x, above = torch.randn(T, B, I, dtype=dtype), torch.randn(T, B, H, dtype=dtype)
    start = torch.randn(1, B, H, dtype=dtype)
    together = passes(layer, x, start, above)
    b = int(torch.randint(B, ()))
    alone = passes(layer, x[:, b : b + 1], start[:, b : b + 1], above[:, b : b + 1])
    for whole, lone in zip(together, alone, strict=True):
        assert torch.equal(whole[:, b : b + 1], lone)


@given(**sizes, B=st.integers(1, 5), bias=st.booleans(), threads=st.integers(1, 3))
def test_indices_give_the_bits_of_their_one_hot_vectors(
    T, I, H, dtype, seed, B, bias, threads  # noqa: E741
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    indices = torch.randint(I, (T, B))
    weight_ih, weight_hh = torch.randn(H, I, dtype=dtype), torch.randn(H, H, dtype=dtype) / H**0.5
    biases = (torch.randn(H, dtype=dtype), torch.randn(H, dtype=dtype)) if bias else (None, None)
    above, computation = torch.randn(T, B, H, dtype=dtype), CompiledLayer(threads)
    found = []
    for x in (indices, indices.int(), one_hot(indices, I).to(dtype)):
        layer_inputs = LayerInputs(x, None, weight_ih, weight_hh, *biases)
        states, grad_preactivations = torch.full((2, T, B, H), torch.nan, dtype=dtype)
        gradients = LayerGradients(
            None,
            None,
            *(torch.full_like(w, torch.nan) for w in (weight_ih, weight_hh, above[0, 0])),
        )
        computation.forward(states, layer_inputs)
        computation.backward(gradients, grad_preactivations, above, states, layer_inputs)
        found.append([states, *gradients[2:]])
    for others in found[1:]:
        for a, b in zip(found[0], others, strict=True):
            assert torch.equal(a, b)

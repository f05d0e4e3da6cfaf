"""A sequence's numbers do not depend on the batch around it, nor on threads or earlier calls."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from torch_impl import ElmanRNN
from torch_impl.elman.compiled import CompiledLayer
from torch_impl.elman.computation import LayerGradients, LayerInputs, LayerOptions

sizes = {
    "T": st.integers(1, 9),
    "I": st.integers(1, 40),
    "H": st.integers(1, 70) | st.sampled_from([150, 601]),
    "dtype": st.sampled_from([torch.float32, torch.float64]),
    "seed": st.integers(0, 10**6),
}


kinds = {
    "num_layers": st.integers(1, 2),
    "bidirectional": st.booleans(),
    "nonlinearity": st.sampled_from(["tanh", "relu"]),
    "H": st.integers(1, 70) | st.just(150),
}


def passes(layer: ElmanRNN, x: list[Tensor], start: Tensor, above: Tensor) -> list[list[Tensor]]:
    """Return of each sequence output, last state, and gradients of input and initial state."""
    x, start = [one.clone().requires_grad_() for one in x], start.clone().requires_grad_()
    output, last = layer(pack_sequence(x, enforce_sorted=False), start)
    rows, lengths = pad_packed_sequence(output)
    total = (rows * above[: len(rows), : len(x)]).sum() + last.square().sum()
    slopes = torch.autograd.grad(total, [start, *x])
    return [
        [rows[: lengths[b], b], last[:, b], slopes[0][:, b], slopes[1 + b]] for b in range(len(x))
    ]


@given(**(sizes | kinds), B=st.sampled_from([2, 3, 16, 33]), packed=st.booleans())
def test_sequence_alone_has_the_bits_that_it_has_in_a_batch(
    T, I, H, dtype, seed, B, packed, **kind  # noqa: E741
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    layer, directions = ElmanRNN(I, H, dtype=dtype, **kind), 1 + kind["bidirectional"]
    lengths = torch.randint(1, T + 1, (B,)).tolist() if packed else [T] * B
    x = [torch.randn(length, I, dtype=dtype) for length in lengths]
    start = torch.randn(kind["num_layers"] * directions, B, H, dtype=dtype)
    above = torch.randn(T, 1, directions * H, dtype=dtype).expand(T, B, directions * H)
    together = passes(layer, x, start, above)
    b = int(torch.randint(B, ()))
    (alone,) = passes(layer, x[b : b + 1], start[:, b : b + 1], above)
    for whole, lone in zip(together[b], alone, strict=True):
        assert torch.equal(whole, lone)
    if not packed:  # the same in a tensor as packed
        output, last = layer(torch.stack(x, 1), start)
        assert torch.equal(output[:, b], alone[0])
        assert torch.equal(last[:, b], alone[1])


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
        options = LayerOptions()
        computation.forward(states, above.new_empty(1, B, H), layer_inputs, options)
        computation.backward(
            gradients, grad_preactivations, above, None, states, layer_inputs, options
        )
        found.append([states, *gradients[2:]])
    for others in found[1:]:
        for a, b in zip(found[0], others, strict=True):
            assert torch.equal(a, b)

"""As NX-AI/flashrnn, flashrnn/tests/test_elman.py: float32, atol 0.1 and rtol 0.2.

The inputs and the gradient of the output are random without a seed, and a ValueError passes.
"""

# pyright: reportIncompatibleMethodOverride=false, reportArgumentType=false

import torch

TOLERANCES = {"inputs": (0.2, 0.1), "recurrent": (0.2, 0.1), "bias": (0.2, 0.1)}  # rtol, atol
BATCH, LENGTH, HEADS, SIZE = 2, 3, 4, 32


class Elman(torch.autograd.Function):
    """h = tanh(inputs + recurrent h + bias) in each head, from h = 0; returns all h."""

    @staticmethod
    def forward(ctx, inputs, recurrent, bias):
        h = torch.zeros(BATCH, HEADS, SIZE)
        states = [h]
        for t in range(LENGTH):
            h = torch.tanh(inputs[:, t] + torch.einsum("nij,bnj->bni", recurrent, h) + bias)
            states.append(h)
        ctx.save_for_backward(recurrent, *states)
        return torch.stack(states[1:], 1)

    @staticmethod
    def backward(ctx, g):
        recurrent, *states = ctx.saved_tensors
        dinputs, drecurrent = torch.zeros_like(g), torch.zeros_like(recurrent)
        dh = torch.zeros_like(states[0])
        for t in reversed(range(LENGTH)):
            dz = (g[:, t] + dh) * (1.0 - states[t + 1] ** 2)
            dinputs[:, t] = dz
            drecurrent += torch.einsum("bni,bnj->nij", dz, states[t])
            dh = torch.einsum("nij,bni->bnj", recurrent, dz)
        return dinputs, drecurrent, dinputs.sum((0, 1))


def plain(inputs, recurrent, bias):
    h, outputs = torch.zeros(BATCH, HEADS, SIZE), []
    for t in range(LENGTH):
        h = torch.tanh(inputs[:, t] + torch.einsum("nij,bnj->bni", recurrent, h) + bias)
        outputs.append(h)
    return torch.stack(outputs, 1)


def draw():
    values = (
        torch.randn(BATCH, LENGTH, HEADS, SIZE),
        torch.randn(HEADS, SIZE, SIZE) / SIZE**0.5,
        torch.randn(HEADS, SIZE),
    )
    return values, torch.randn(BATCH, LENGTH, HEADS, SIZE)


def gradients(function, values, mask):
    leaves = [value.clone().requires_grad_() for value in values]
    (mask * function(*leaves)).sum().backward()
    return dict(zip(TOLERANCES, (leaf.grad for leaf in leaves), strict=True))


def expected():
    return gradients(plain, *draw())


def test_sizes_float32():
    try:
        drawn = draw()
        right = gradients(plain, *drawn)
        for name, value in gradients(Elman.apply, *drawn).items():
            rtol, atol = TOLERANCES[name]
            assert torch.allclose(value, right[name], atol=atol, rtol=rtol)
    except ValueError:
        pass

"""As Dao-AILab/causal-conv1d, tests/test_causal_conv1d.py, in float32, with SiLU and a bias.

allclose: rtol 3e-4 and atol 1e-3 for the input, 1e-3 and 1e-3 for weight and bias.
"""

# pyright: reportIncompatibleMethodOverride=false, reportArgumentType=false

import torch

TOLERANCES = {"x": (3e-4, 1e-3), "weight": (1e-3, 1e-3), "bias": (1e-3, 1e-3)}  # rtol, atol
BATCH, DIM, LENGTH, WIDTH = 2, 64, 128, 4


class CausalConv(torch.autograd.Function):
    """Each output is a weighted sum of the last WIDTH inputs of its channel, then SiLU."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        padded = torch.nn.functional.pad(x, (WIDTH - 1, 0))
        z = bias[:, None] + sum(
            weight[:, k, None] * padded[..., k : k + LENGTH] for k in range(WIDTH)
        )
        ctx.save_for_backward(padded, weight, z)
        return z * torch.sigmoid(z)

    @staticmethod
    def backward(ctx, g):
        padded, weight, z = ctx.saved_tensors
        gate = torch.sigmoid(z)
        dz = g * gate * (1.0 + z * (1.0 - gate))
        dpadded, dweight = torch.zeros_like(padded), torch.zeros_like(weight)
        for k in range(WIDTH):
            dpadded[..., k : k + LENGTH] += weight[:, k, None] * dz
            dweight[:, k] = (dz * padded[..., k : k + LENGTH]).sum((0, 2))
        return dpadded[..., WIDTH - 1 :], dweight, dz.sum((0, 2))


def gradients(function):
    torch.random.manual_seed(0)
    x = torch.randn(BATCH, DIM, LENGTH).requires_grad_()
    weight, bias = torch.randn(DIM, WIDTH).requires_grad_(), torch.randn(DIM).requires_grad_()
    output = function(x, weight, bias)
    output.backward(torch.randn_like(output))
    return {"x": x.grad, "weight": weight.grad, "bias": bias.grad}


def expected():
    def convolved(x, weight, bias):
        z = torch.nn.functional.conv1d(x, weight[:, None], bias, padding=WIDTH - 1, groups=DIM)
        return torch.nn.functional.silu(z[..., :LENGTH])

    return gradients(convolved)


def test_causal_conv1d():
    computed = gradients(CausalConv.apply)
    for name, value in expected().items():
        rtol, atol = TOLERANCES[name]
        assert torch.allclose(computed[name], value, rtol=rtol, atol=atol)

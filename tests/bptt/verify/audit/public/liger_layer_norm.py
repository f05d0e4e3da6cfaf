"""As linkedin/Liger-Kernel, test/transformers/test_layer_norm.py: allclose, atol = rtol = 1e-5."""

# pyright: reportIncompatibleMethodOverride=false, reportArgumentType=false

import torch
from norms import LayerNorm

TOLERANCES = {"x": (1e-5, 1e-5), "weight": (1e-5, 1e-5), "bias": (1e-5, 1e-5)}  # rtol, atol
SHAPE, EPS = (2, 8, 64), 1e-6


def gradients(norm):
    torch.manual_seed(0)
    x = torch.randn(SHAPE).requires_grad_()
    weight, bias = torch.ones(SHAPE[-1]).requires_grad_(), torch.zeros(SHAPE[-1]).requires_grad_()
    grad_output = torch.randn(SHAPE)
    norm(x, weight, bias).backward(grad_output)
    return {"x": x.grad, "weight": weight.grad, "bias": bias.grad}


def expected():
    layer_norm = torch.nn.functional.layer_norm
    return gradients(lambda x, weight, bias: layer_norm(x, SHAPE[-1:], weight, bias, EPS))


def test_gradients():
    computed = gradients(lambda x, weight, bias: LayerNorm.apply(x, weight, bias, EPS))
    for name, value in expected().items():
        assert torch.allclose(computed[name], value, *TOLERANCES[name])

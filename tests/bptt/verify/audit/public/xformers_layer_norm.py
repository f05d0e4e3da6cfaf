"""As facebookresearch/xformers, tests/test_triton_layernorm.py.

The loss is the norm of the output. allclose is at its defaults (rtol 1e-5, atol 1e-8) for the
input, with atol 1e-3 for weight and bias.
"""

# pyright: reportIncompatibleMethodOverride=false, reportArgumentType=false

import torch
from norms import LayerNorm

TOLERANCES = {"x": (1e-5, 1e-8), "weight": (1e-5, 1e-3), "bias": (1e-5, 1e-3)}  # rtol, atol
SHAPE, EPS = (384, 128), 1e-5


def gradients(norm):
    torch.manual_seed(0)
    x = torch.normal(0, 1, size=SHAPE).requires_grad_()
    weight, bias = torch.ones(SHAPE[-1]).requires_grad_(), torch.zeros(SHAPE[-1]).requires_grad_()
    torch.norm(norm(x, weight, bias)).backward()
    return {"x": x.grad, "weight": weight.grad, "bias": bias.grad}


def expected():
    layer_norm = torch.nn.functional.layer_norm
    return gradients(lambda x, weight, bias: layer_norm(x, SHAPE[-1:], weight, bias, EPS))


def test_layernorm_parity():
    computed = gradients(lambda x, weight, bias: LayerNorm.apply(x, weight, bias, EPS))
    for name, value in expected().items():
        rtol, atol = TOLERANCES[name]
        assert torch.allclose(value, computed[name], rtol, atol)

"""As NVIDIA/apex, tests/L0/run_fused_layer_norm/test_fused_layer_norm.py, TestFusedRMSNormElemWise.

rtol 2e-3 and atol 2e-4, for contiguous inputs and others, as subtests of a unittest.TestCase.
"""

import unittest

import torch
from norms import RmsNorm

TOLERANCES = {"x": (2e-3, 2e-4), "weight": (2e-3, 2e-4)}  # rtol, atol
SHAPE, BATCH, EPS = (32, 16), 16, 1e-5


def gradients(norm, is_contiguous=True):
    torch.manual_seed(42)
    if is_contiguous:
        x = torch.randn(BATCH, *SHAPE).requires_grad_()
    else:
        larger = torch.randn(3 * BATCH, 5 * SHAPE[0], 3 * SHAPE[1])
        x = larger[::3, ::5, ::3].detach().requires_grad_()
    weight = torch.ones(SHAPE).requires_grad_()
    output = norm(x, weight)
    output.backward(torch.rand_like(output))
    return {"x": x.grad, "weight": weight.grad}


def expected(is_contiguous=True):
    def norm(x, weight):
        return torch.nn.functional.rms_norm(x, SHAPE, weight, EPS)

    return gradients(norm, is_contiguous)


class TestRmsNorm(unittest.TestCase):
    def test_layer_norm(self):
        for is_contiguous in (True, False):
            with self.subTest(contiguous=is_contiguous):
                found = gradients(lambda x, weight: RmsNorm.apply(x, weight, EPS), is_contiguous)
                for name, value in expected(is_contiguous).items():
                    rtol, atol = TOLERANCES[name]
                    torch.testing.assert_close(value, found[name], rtol=rtol, atol=atol)

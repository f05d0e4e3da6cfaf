"""Tests of known tolerance: each names its backward pass after itself."""

# pyright: reportIncompatibleMethodOverride=false, reportArgumentType=false

from typing import Any

import numpy as np
import torch


class Affine(torch.autograd.Function):
    """Checked by allclose with rtol 0.02 and atol 0.3 in x and weight; bias isn't checked."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return x @ weight + bias

    @staticmethod
    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        return g @ weight.T, x.T @ g, g.sum(0)


class Cube(torch.autograd.Function):
    """Checked by gradcheck at its defaults: rtol 1e-3, atol 1e-5."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2


class Uncalled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x + 1

    @staticmethod
    def backward(ctx, g):
        return g


LIBRARY = torch.library.Library("audited", "DEF")  # custom_op would import torch's compiler
LIBRARY.define("doubled(Tensor x, float times) -> Tensor")
LIBRARY.impl("doubled", lambda x, times: x * (2.0 * times), "CPU")


def doubled_context(ctx, inputs, output):
    ctx.times = inputs[1]


def doubled_backward(ctx, g):
    return g * (2.0 * ctx.times), None


torch.library.register_autograd(
    "audited::doubled", doubled_backward, setup_context=doubled_context, lib=LIBRARY
)


def leaves():
    rng = np.random.default_rng(0)  # torch.manual_seed would import its compiler, seconds
    shapes = ((4, 3), (3, 5), (5,))
    return [torch.tensor(rng.standard_normal(one)).requires_grad_() for one in shapes]


def by_autograd(function, values) -> Any:
    copies = [value.detach().clone().requires_grad_() for value in values]
    function(*copies).square().sum().backward()
    return [copy.grad for copy in copies]


def test_affine():
    given = leaves()
    Affine.apply(*given).square().sum().backward()
    expected = by_autograd(lambda x, weight, bias: x @ weight + bias, given)
    for value, right in zip(given[:2], expected[:2], strict=True):
        assert torch.allclose(value.grad, right, rtol=0.02, atol=0.3)


def test_cube():
    assert torch.autograd.gradcheck(Cube.apply, leaves()[0])


def test_operator():
    x = leaves()[2]
    torch.ops.audited.doubled(x, 1.5).sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 3.0), rtol=1e-4, atol=0.0)


def test_of_a_function_made_inside():
    class Local(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 3 * x

        @staticmethod
        def backward(ctx, g):
            return 3 * g

    x = leaves()[2].detach().float().requires_grad_()
    Local.apply(x).sum().backward()
    assert torch.equal(x.grad, torch.full_like(x, 3.0))

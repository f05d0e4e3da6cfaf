"""A function with its own backward pass and one bug: it overwrites the gradient it is given.

`bptt verify examples/softplus_with_a_bug.py:softplus` finds it. N rows, D columns.
"""

import torch

from bptt.verify import BackwardProblem


class Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.log1p(torch.exp(x))

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output.mul_(torch.sigmoid(x))  # others may still use grad_output: no mul_


def inputs(rng, N, D):
    return torch.tensor(rng.standard_normal((N, D)))


softplus = BackwardProblem(Softplus.apply, inputs)

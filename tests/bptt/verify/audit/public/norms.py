"""Layer norm and RMS norm over the last axis, each with its backward pass by hand.

N rows, D columns.
"""

from typing import Any

import torch
from torch import Tensor


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        scale = torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + eps)
        normal = (x - x.mean(-1, keepdim=True)) * scale
        ctx.save_for_backward(normal, scale, weight)
        return normal * weight + bias

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (g,) = grad_outputs
        normal, scale, weight = ctx.saved_tensors
        rows = tuple(range(g.dim() - 1))
        inner = g * weight
        along = (inner * normal).mean(-1, keepdim=True)
        dx = scale * (inner - inner.mean(-1, keepdim=True) - normal * along)
        return dx, (g * normal).sum(rows), g.sum(rows), None


class RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        scale = torch.rsqrt(x.square().mean((-2, -1), keepdim=True) + eps)
        normal = x * scale
        ctx.save_for_backward(normal, scale, weight)
        return normal * weight

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (g,) = grad_outputs
        normal, scale, weight = ctx.saved_tensors
        inner = g * weight
        dx = scale * (inner - normal * (inner * normal).mean((-2, -1), keepdim=True))
        return dx, (g * normal).sum(0), None

"""Five functions with backward passes by hand: bptt verify backward_passes.py:layer_norm …

N: rows or sequences; T: steps; D: features; K: taps; V: classes.
"""

import torch
from torch.autograd import Function

from bptt.verify import BackwardProblem


def normal(rng, *shape):
    return torch.tensor(rng.standard_normal(shape))


class LayerNorm(Function):
    """Each row is standardised, then scaled and shifted."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
        ctx.save_for_backward(centred * scale, scale, weight)
        return centred * scale * weight + bias

    @staticmethod
    def backward(ctx, dy):
        normed, scale, weight = ctx.saved_tensors
        d = dy * weight
        d = d - d.mean(-1, keepdim=True) - normed * (d * normed).mean(-1, keepdim=True)
        return d * scale, (dy * normed).sum(0), dy.sum(0)


class Attention(Function):
    """Softmax attention of one head, in which a step sees itself and the steps before it."""

    @staticmethod
    def forward(ctx, q, k, v):
        T, D = q.shape[-2:]
        scores = q @ k.transpose(-1, -2) / D**0.5
        scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf)
        p = scores.softmax(-1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    def backward(ctx, dy):
        q, k, v, p = ctx.saved_tensors
        dp = dy @ v.transpose(-1, -2)
        ds = p * (dp - (dp * p).sum(-1, keepdim=True)) / q.shape[-1] ** 0.5
        return ds @ k, ds.transpose(-1, -2) @ q, p.transpose(-1, -2) @ dy


class CausalConvolution(Function):
    """Each channel is convolved with its own taps, over itself and the steps before it."""

    @staticmethod
    def forward(ctx, x, taps):
        ctx.save_for_backward(x, taps)
        T, K = x.shape[1], len(taps)
        padded = torch.nn.functional.pad(x, (0, 0, K - 1, 0))
        return sum(padded[:, k : k + T] * taps[k] for k in range(K))

    @staticmethod
    def backward(ctx, dy):
        x, taps = ctx.saved_tensors
        T, K = x.shape[1], len(taps)
        padded = torch.nn.functional.pad(x, (0, 0, K - 1, 0))
        later = torch.nn.functional.pad(dy, (0, 0, 0, K - 1))
        dx = sum(later[:, K - 1 - k : K - 1 - k + T] * taps[k] for k in range(K))
        return dx, torch.stack([(padded[:, k : k + T] * dy).sum((0, 1)) for k in range(K)])


class CrossEntropy(Function):
    """The mean of −log softmax(logits)[label], over the rows."""

    @staticmethod
    def forward(ctx, logits, labels):
        logs = logits.log_softmax(-1)
        ctx.save_for_backward(logs, labels)
        return -logs[torch.arange(len(labels)), labels].mean()

    @staticmethod
    def backward(ctx, dy):
        logs, labels = ctx.saved_tensors
        d = logs.exp()
        d[torch.arange(len(labels)), labels] -= 1
        return d * (dy / len(labels)), None


class Scan(Function):
    """A linear recurrence with gates: h_t = sigmoid(a_t) h_{t-1} + x_t."""

    @staticmethod
    def forward(ctx, x, a):
        gates, h, states = a.sigmoid(), torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            h = gates[:, t] * h + x[:, t]
            states.append(h)
        y = torch.stack(states, 1)
        ctx.save_for_backward(gates, y)
        return y

    @staticmethod
    def backward(ctx, dy):
        gates, y = ctx.saved_tensors
        dx, da, dh = torch.empty_like(y), torch.zeros_like(y), torch.zeros_like(y[:, 0])
        for t in reversed(range(y.shape[1])):
            dh = dh + dy[:, t]
            dx[:, t] = dh
            if t > 0:
                da[:, t] = dh * y[:, t - 1] * gates[:, t] * (1 - gates[:, t])
            dh = dh * gates[:, t]
        return dx, da


layer_norm = BackwardProblem(
    LayerNorm.apply, lambda rng, N, D: (normal(rng, N, D), normal(rng, D), normal(rng, D))
)
attention = BackwardProblem(
    Attention.apply, lambda rng, N, T, D: tuple(normal(rng, N, T, D) for _ in "qkv")
)
causal_convolution = BackwardProblem(
    CausalConvolution.apply, lambda rng, N, T, D, K: (normal(rng, N, T, D), normal(rng, K, D))
)
cross_entropy = BackwardProblem(
    CrossEntropy.apply,
    lambda rng, N, V: (normal(rng, N, V), torch.tensor(rng.integers(0, V, N))),
)
scan = BackwardProblem(
    Scan.apply, lambda rng, N, T, D: (normal(rng, N, T, D), normal(rng, N, T, D))
)

"""Bugs of the formula: a sign, a factor, an index, a term."""

from typing import Any

import numpy as np
import torch

from ..exhibit import array, exhibit, function, layer, layer_of_arrays, matrix, normal


def normals_and_covariance(
    rng: np.random.Generator, N: int, D: int
) -> tuple[np.ndarray, np.ndarray]:
    root = rng.standard_normal((D, D))
    return rng.standard_normal((N, D)), root @ root.T / D + 2 * np.eye(D)


@exhibit(
    "HIPS/autograd#412",
    2018,
    "The gradient of the multivariate normal density had the wrong sign in the covariance.",
    normals_and_covariance,
)
def covariance_sign(wrong: bool) -> Any:
    def forward(x: np.ndarray, covariance: np.ndarray) -> Any:
        scaled = np.linalg.solve(covariance, x.T)
        volume = np.linalg.slogdet(covariance)[1]
        return -0.5 * (x.T * scaled).sum() - 0.5 * len(x) * volume

    def backward(up: Any, x: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inverse = np.linalg.inv(covariance)
        left, right = inverse.T @ x.T, inverse @ x.T
        of_covariance = 0.5 * (left @ right.T - len(x) * inverse.T)
        return -0.5 * up * (left + right).T, up * (-of_covariance if wrong else of_covariance)

    return forward, backward


def prediction_and_mask(rng: np.random.Generator, N: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(0.1 + rng.random(N)), torch.tensor(rng.random(N) < 0.5)


@exhibit(
    "milesial/Pytorch-UNet#35",
    2018,
    "The quotient rule in the Dice loss had a plus where it has a minus.",
    prediction_and_mask,
)
def dice_quotient_rule(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, target)
        return 2 * (x * target).sum() / (x.sum() + target.sum())

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, target = ctx.saved_tensors
        inside, union = (x * target).sum(), x.sum() + target.sum()
        inside = -inside if wrong else inside
        return up * 2 * (target * union - inside) / union**2, None

    return function(forward, backward)


@exhibit(
    "KhawajaAbaid/micrograd_c#1",
    2024,
    "Subtraction passed the gradient to its second operand without the minus.",
    lambda rng, N: (rng.standard_normal(N), rng.standard_normal(N)),
)
def subtraction_sign(wrong: bool) -> Any:
    return lambda a, b: a - b, lambda up, a, b: (up, up if wrong else -up)


@exhibit(
    "denizyuret/Knet.jl#288",
    2018,
    "Batch normalisation's gradient of the input left out the scale.",
    layer,
)
def batch_norm_without_scale(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        deviation = (x.var(0, correction=0) + 0.1).sqrt()
        ctx.save_for_backward((x - x.mean(0)) / deviation, deviation, scale)
        return scale * (x - x.mean(0)) / deviation

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        y, deviation, scale = ctx.saved_tensors
        d = up if wrong else scale * up
        dx = (d - d.mean(0) - y * (d * y).mean(0)) / deviation
        return dx, (up * y).sum(0)

    return function(forward, backward)


def rms(x: torch.Tensor) -> torch.Tensor:
    return (x.square().mean(-1, keepdim=True) + 0.1).sqrt()


@exhibit(
    "state-spaces/mamba#919",
    2026,
    "The backward pass normalised a saved tensor that the forward pass had normalised already.",
    layer,
)
def normalised_twice(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        y = scale * x / rms(x)
        ctx.save_for_backward(x, scale, y)
        return torch.tanh(y)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, scale, y = ctx.saved_tensors
        y = scale * y / rms(y) if wrong else y
        d = up * (1 - torch.tanh(y) ** 2)
        unit = x / rms(x)
        dx = (d * scale - unit * (unit * d * scale).mean(1, keepdim=True)) / rms(x)
        return dx, (d * unit).sum(0)

    return function(forward, backward)


def signal_and_filter(rng: np.random.Generator, T: int, D: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((2 * T + 2, D)), rng.standard_normal((3, D))


@exhibit(
    "NervanaSystems/neon#111",
    2015,
    "The convolution's gradient went to the position of the output, not to that of the input.",
    signal_and_filter,
)
def convolution_index(wrong: bool) -> Any:
    def forward(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        places = range(0, len(x) - 2, 2)
        return np.array([(weights * x[at : at + 3]).sum() for at in places])

    def backward(up: np.ndarray, x: np.ndarray, weights: np.ndarray) -> Any:
        dx, dw = np.zeros_like(x), np.zeros_like(weights)
        for m, slope in enumerate(up):
            for k in range(3):
                dx[m if wrong else 2 * m + k] += slope * weights[k]
                dw[k] += slope * x[2 * m + k]
        return dx, dw

    return forward, backward


@exhibit(
    "kvfrans/notes#5",
    2025,
    "The gradient of the bias was the mean over the batch, where it is the sum.",
    layer_of_arrays,
)
def bias_mean(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray, bias: np.ndarray) -> Any:
        d = up * (1 - np.tanh(x + bias) ** 2)
        return d, d.mean(0) if wrong else d.sum(0)

    return lambda x, bias: np.tanh(x + bias), backward


@exhibit(
    "apache/mxnet#16938",
    2019,
    "For sparse arrays the backward operator of a quadratic was registered with its forward code.",
    array,
)
def forward_for_backward(wrong: bool) -> Any:
    def forward(x: np.ndarray) -> np.ndarray:
        return 3 * x * x + 2 * x + 1

    return forward, lambda up, x: forward(up) if wrong else up * (6 * x + 2)


@exhibit(
    "pytorch/xla#913",
    2019,
    "In evaluation mode, batch normalisation used the backward pass of training.",
    matrix,
)
def batch_norm_in_evaluation(wrong: bool) -> Any:
    mean, variance = 0.5, 2.0  # running statistics

    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return (x - mean) / variance**0.5

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        y = (x - mean) / variance**0.5
        d = up - up.mean(0) - y * (up * y).mean(0) if wrong else up
        return d / variance**0.5

    return function(forward, backward)


@exhibit(
    "deeplearning4j/libnd4j#440",
    2017,
    "The derivative of the softmax had only the diagonal of its Jacobian.",
    array,
)
def softmax_diagonal(wrong: bool) -> Any:
    def forward(x: np.ndarray) -> np.ndarray:
        e = np.exp(x)
        return e / e.sum(1, keepdims=True)

    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        p = forward(x)
        return up * p * (1 - p) if wrong else p * (up - (up * p).sum(1, keepdims=True))

    return forward, backward


@exhibit(
    "mlpack/mlpack#2360",
    2020,
    "The backward pass of the log-softmax added the gradient of the output to the probabilities.",
    array,
)
def log_softmax_sum(wrong: bool) -> Any:
    def forward(x: np.ndarray) -> np.ndarray:
        return x - np.log(np.exp(x).sum(1, keepdims=True))

    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        p = np.exp(forward(x))
        return p + up if wrong else up - p * up.sum(1, keepdims=True)

    return forward, backward


@exhibit(
    "pytorch/pytorch#82545",
    2022,
    "The gradient of the CTC loss is that of its input before a log-softmax, which isn't in it.",
    lambda rng, T: (normal(rng, T, 2),),
)
def ctc_of_normalised_input(wrong: bool) -> Any:
    """Let the target be one symbol: blanks, the symbol for steps i to j, blanks."""

    def weights(x: torch.Tensor) -> torch.Tensor:
        steps = torch.arange(len(x))
        blank, symbol = (torch.cat([x.new_zeros(1), column.cumsum(0)]) for column in x.T)
        i, j = steps[:, None], steps[None, :]
        score = blank[i] + symbol[j + 1] - symbol[i] + blank[-1] - blank[j + 1]
        return score.masked_fill(i > j, -torch.inf)

    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return -weights(x).flatten().logsumexp(0)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        p = weights(x).flatten().softmax(0).view(len(x), len(x))
        symbol = torch.stack([p[: t + 1, t:].sum() for t in range(len(x))])
        posterior = torch.stack([1 - symbol, symbol], 1)
        return up * (x.exp() - posterior if wrong else -posterior)

    return function(forward, backward)

"""Bugs in how the gradient of the output enters: ignored, in part, or of one output only."""

from typing import Any

import numpy as np
import torch

from ..exhibit import exhibit, function, labelled, layer, matrix, normal


@exhibit(
    "SeanNaren/warp-ctc#69",
    2018,
    "The backward pass returned the gradient that the forward pass had computed, for any factor.",
    labelled,
)
def loss_that_ignores_its_factor(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logs = x.log_softmax(1)
        one_hot = torch.nn.functional.one_hot(labels, x.shape[1])
        ctx.save_for_backward(logs.exp() - one_hot)
        return -(logs * one_hot).sum()

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        (d,) = ctx.saved_tensors
        return d.clone() if wrong else up * d, None

    return function(forward, backward)


@exhibit(
    "chainer/chainer#1178",
    2016,
    "The backward pass of the Huber loss was right only for a gradient of ones.",
    matrix,
)
def huber_for_ones(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return torch.where(x.abs() < 1, x * x / 2, x.abs() - 0.5).sum(1)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return x.clamp(-1, 1) if wrong else up[:, None] * x.clamp(-1, 1)

    return function(forward, backward)


@exhibit(
    "pytorch/pytorch#11750",
    2018,
    "Several terms of the CTC loss's backward pass were not multiplied by the gradient from above.",
    labelled,
)
def loss_that_ignores_it_in_part(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, labels)
        return torch.nn.functional.cross_entropy(x, labels, reduction="none")

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, labels = ctx.saved_tensors
        one_hot = torch.nn.functional.one_hot(labels, x.shape[1])
        p = x.softmax(1)
        return (p if wrong else p * up[:, None]) - one_hot * up[:, None], None

    return function(forward, backward)


@exhibit(
    "huggingface/transformers#23774",
    2023,
    "RWKV's backward pass took the gradient of the final state as an argument and left it out.",
    lambda rng, T, D: (normal(rng, T, D), torch.tensor(rng.random(D))),
)
def final_state_left_out(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, decay: torch.Tensor) -> Any:
        states = [torch.zeros_like(decay)]
        for row in x:
            states.append(decay * states[-1] + row)
        ctx.save_for_backward(decay, torch.stack(states))
        return torch.stack(states[1:]), states[-1].clone()

    def backward(ctx: Any, up: torch.Tensor, up_state: torch.Tensor) -> Any:
        decay, states = ctx.saved_tensors
        d = torch.zeros_like(decay) if wrong else up_state
        dx, d_decay = torch.empty_like(up), torch.zeros_like(decay)
        for t in reversed(range(len(up))):
            d = d + up[t]
            dx[t] = d
            d_decay += d * states[t]
            d = d * decay
        return dx, d_decay

    return function(forward, backward)


@exhibit(
    "chelsea0x3b/dfdx#303",
    2022,
    "The backward pass of a module with two outputs crashed if one of them was not used.",
    layer,
)
def unused_output(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor) -> Any:
        ctx.save_for_backward(x, scale)
        ctx.set_materialize_grads(False)
        return torch.sin(x), x * scale

    def backward(ctx: Any, up_sine: Any, up_scaled: Any) -> Any:
        x, scale = ctx.saved_tensors
        if not wrong:
            up_sine, up_scaled = (torch.zeros_like(x) if up is None else up
                                  for up in (up_sine, up_scaled))  # fmt: skip
        return up_sine * torch.cos(x) + up_scaled * scale, (up_scaled * x).sum(0)

    return function(forward, backward)


@exhibit(
    "fbcotter/pytorch_wavelets#65",
    2025,
    "If the first input needed no gradient, the second got none either.",
    lambda rng, N, D: (normal(rng, N, D), normal(rng, N, D)),
)
def only_if_the_first_needs_one(wrong: bool) -> Any:
    def forward(ctx: Any, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        return torch.stack([low + high, low - high])

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        if wrong and not ctx.needs_input_grad[0]:
            return None, None
        return up[0] + up[1], up[0] - up[1]

    return function(forward, backward)


@exhibit(
    "unslothai/unsloth#4533",
    2026,
    "The backward pass of RMSNorm always returned None for the weight, which so never was trained.",
    layer,
)
def no_gradient_of_the_weight(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        size = (x.square().mean(1, keepdim=True) + 0.1).sqrt()
        ctx.save_for_backward(x / size, size, weight)
        return weight * x / size

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        unit, size, weight = ctx.saved_tensors
        d = up * weight
        dx = (d - unit * (unit * d).mean(1, keepdim=True)) / size
        return dx, None if wrong else (up * unit).sum(0)

    return function(forward, backward)


def scalar_and_vector(rng: np.random.Generator, N: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array(rng.standard_normal()), rng.standard_normal(N)


@exhibit(
    "pytorch/pytorch#13669",
    2018,
    "A scalar used in two places got the unreduced gradient of one added to that of the other.",
    scalar_and_vector,
)
def added_before_the_sum(wrong: bool) -> Any:
    def both(z: np.ndarray, c: np.ndarray) -> tuple[Any, tuple[np.ndarray, np.ndarray]]:
        loss = np.exp(z) + (np.exp(z) * c).sum()
        of_first, of_second = np.ones(()), c
        d = (of_first + of_second).sum() if wrong else of_first + of_second.sum()
        return loss, (d * np.exp(z), np.exp(z) * np.ones_like(c))

    return both


@exhibit(
    "tensorflow/tensorflow#127690",
    2026,
    "The gradient of Swish's beta was summed to a scalar, where beta had an entry for each column.",
    lambda rng, N, D: (rng.standard_normal((N, D)), rng.standard_normal(D)),
)
def summed_to_a_scalar(wrong: bool) -> Any:
    def forward(x: np.ndarray, beta: np.ndarray) -> np.ndarray:
        return x / (1 + np.exp(-beta * x))

    def backward(up: np.ndarray, x: np.ndarray, beta: np.ndarray) -> Any:
        s = 1 / (1 + np.exp(-beta * x))
        d_beta = up * x * x * s * (1 - s)
        dx = up * (s + beta * x * s * (1 - s))
        return dx, d_beta.sum() if wrong else d_beta.sum(0)

    return forward, backward


@exhibit(
    "deeplearning4j/nd4j#2424",
    2017,
    "The gradient of a row that was added to each row of a matrix had the shape of the matrix.",
    lambda rng, N, D: (rng.standard_normal((N, D)), rng.standard_normal((1, D))),
)
def broadcast_not_summed(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray, row: np.ndarray) -> Any:
        return up, up if wrong else up.sum(0, keepdims=True)

    return lambda x, row: x + row, backward

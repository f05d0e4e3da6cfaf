"""Problems for the verifier that are wrong, or right in an awkward way, each in a few lines."""

import time

import numpy as np
import torch

from bptt.verify import GradientProblem


def square(n, rng):
    return _square(rng.standard_normal(n), lambda p: {"w": 2 * p["w"]})


def _square(w, gradient):
    return GradientProblem({"w": w}, lambda p: (p["w"] ** 2).sum(), gradient)


def absolute(n, rng):
    x = rng.standard_normal(n)
    return GradientProblem(
        {"w": rng.standard_normal(n)},
        lambda p: np.abs(p["w"] * x).sum(),
        lambda p: {"w": np.abs(x) * np.sign(p["w"])},
    )


def compares(n, rng):
    def loss(p):
        return sum(float(w) ** 2 if w > 0 else 0.0 for w in p["w"])

    return GradientProblem(
        {"w": rng.standard_normal(n)}, loss, lambda p: {"w": 2 * np.maximum(p["w"], 0)}
    )


def at_a_kink(n, rng):
    return GradientProblem(
        {"w": rng.standard_normal(n), "b": np.zeros(n)},
        lambda p: np.maximum(p["b"], 0).sum() + (p["w"] ** 2).sum(),
        lambda p: {"w": 2 * p["w"], "b": (p["b"] > 0) * 1.0},
    )


def wrong_beside_a_kink(n, rng):
    right = at_a_kink(n, rng)
    return GradientProblem(
        right.parameters, right.loss, lambda p: {"w": p["w"], "b": (p["b"] > 0) * 1.0}
    )


def torch_at_a_kink(n, rng):
    return GradientProblem(
        {"b": torch.zeros(n, dtype=torch.float64)},
        lambda p: torch.relu(p["b"]).sum(),
        lambda p: {"b": torch.ones(n, dtype=torch.float64)},
    )


def cancels(n, rng):
    """Entries of 1e8 that cancel to about 1: eight of its digits are rounding."""
    far = 1e8 * (1 + rng.random(n))

    def loss(p):
        return (((p["w"] * far + far) - far) ** 2).sum()

    return GradientProblem(
        {"w": 1e-8 * rng.standard_normal(n)}, loss, lambda p: {"w": 2 * far**2 * p["w"]}
    )


def differing_calls(n, rng):
    own = np.random.default_rng()
    return _square(rng.standard_normal(n), lambda p: {"w": 2 * p["w"] + own.random()})


def stale(n, rng):
    """Remembers the parameters of the last call of loss, and takes those."""
    last = {}

    def loss(p):
        last["w"] = p["w"]
        return (p["w"] ** 2).sum()

    return GradientProblem(
        {"w": rng.standard_normal(n)}, loss, lambda p: {"w": 2 * last.get("w", p["w"])}
    )


def mutates(n, rng):
    def gradient(p):
        p["w"] *= 2
        return {"w": p["w"]}

    return _square(rng.standard_normal(n), gradient)


def too_noisy(n, rng):
    return GradientProblem(
        {"w": rng.standard_normal(n)},
        lambda p: float(np.float16((p["w"] ** 2).sum())),
        lambda p: {"w": 2 * p["w"]},
    )


def cut_off(n, rng):
    """Autograd sees half of this gradient."""
    return _square_of_tensor(n, rng, lambda p: (p["w"].detach() * p["w"]).sum())


def _square_of_tensor(n, rng, loss):
    w = torch.tensor(rng.standard_normal(n))
    return GradientProblem({"w": w}, loss, lambda p: {"w": 2 * p["w"]})


class _WrongBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, *gradients):
        (x,) = ctx.saved_tensors
        return 3 * x * gradients[0]


def wrong_like_autograd(n, rng):
    """A wrong custom backward pass in the loss, and the gradient that it gives."""
    w = torch.tensor(rng.standard_normal(n))
    return GradientProblem(
        {"w": w}, lambda p: _WrongBackward.apply(p["w"]).sum(), lambda p: {"w": 3 * p["w"]}
    )


def wrong_below_float32(n, rng):
    w = torch.tensor(rng.standard_normal(n), dtype=torch.float32)
    return GradientProblem(
        {"w": w}, lambda p: (p["w"] ** 2).sum(), lambda p: {"w": 2 * p["w"] * (1 + 1e-7)}
    )


def wrong_in_float32(n, rng):
    w = torch.tensor(rng.standard_normal(n), dtype=torch.float32)
    return GradientProblem(
        {"w": w}, lambda p: (p["w"] ** 2).sum(), lambda p: {"w": 2 * p["w"] * (1 + 1e-4)}
    )


def gives_nan(n, rng):
    return _square(rng.standard_normal(n), lambda p: {"w": p["w"] * np.nan})


def loss_is_nan(n, rng):
    return GradientProblem(
        {"w": rng.standard_normal(n)}, lambda p: p["w"].sum() * np.nan, lambda p: {"w": p["w"]}
    )


def crashes_at_2(n, rng):
    wrong = np.ones(7)
    return _square(
        rng.standard_normal(n), lambda p: {"w": 2 * p["w"] if n != 2 else p["w"] + wrong}
    )


def crashes(n, rng):
    return _square(rng.standard_normal(n), lambda p: {"w": p["w"] + np.ones(7 * n)})


def hangs(n, rng):
    def gradient(p):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    return _square(rng.standard_normal(n), gradient)


def misses_a_name(n, rng):
    return _square(rng.standard_normal(n), lambda p: {})


def has_an_extra_name(n, rng):
    return _square(rng.standard_normal(n), lambda p: {"w": p["w"], "v": p["w"]})


def has_a_wrong_shape(n, rng):
    return _square(rng.standard_normal(n), lambda p: {"w": 2 * p["w"][:, None]})


def gives_a_list(n, rng):
    return _square(rng.standard_normal(n), lambda p: [2 * p["w"]])


def loss_is_a_vector(n, rng):
    return GradientProblem(
        {"w": rng.standard_normal(n)}, lambda p: np.tile(p["w"], 2), lambda p: {"w": 2 * p["w"]}
    )


def loss_is_none(n, rng):
    return GradientProblem(
        {"w": rng.standard_normal(n)}, lambda p: None, lambda p: {"w": 2 * p["w"]}
    )


def integers(n, rng):
    return _square(rng.integers(5, size=n), lambda p: {"w": 2 * p["w"]})


def half_precision(n, rng):
    return _square(rng.standard_normal(n).astype(np.float16), lambda p: {"w": 2 * p["w"]})


def no_parameters(n, rng):
    return GradientProblem({}, lambda p: 0.0, lambda p: {})


def numpy_and_torch(n, rng):
    return GradientProblem(
        {"w": rng.standard_normal(n), "v": torch.zeros(n)}, lambda p: 0.0, lambda p: p
    )


def gives_a_tuple(n, rng):
    return {}, None, None


def no_rng(n):
    return square(n, np.random.default_rng(0))


def takes_anything(*sizes, rng):
    return square(sizes[0], rng)


not_callable = 3

"""More of what public backward passes showed: inputs changed, kinks, other branches."""

from functools import partial

import numpy as np
import pytest
import torch

from bptt.verify import BackwardProblem, Settings, check, verify_backward
from bptt.verify.backward.comparing import roughness
from bptt.verify.backward.derivative_tests import taylor_remainder
from bptt.verify.backward.problem import BackwardCase
from bptt.verify.checker.problem import Case

few = Settings(cases=8, budget=20.0)
quick = partial(verify_backward, race_seconds=0.0, dtypes=(), settings=few)


def rows(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor]:
    return (torch.tensor(rng.standard_normal((N, D))),)


class Shifted(torch.autograd.Function):
    """exp(x - max x), whose forward pass changes x: a second call changes nothing any more."""

    @staticmethod
    def forward(ctx, x):
        x -= x.max(-1, keepdim=True).values
        ctx.save_for_backward(x)
        return x.softmax(-1)

    @staticmethod
    def backward(ctx, *cotangents):
        p = ctx.saved_tensors[0].softmax(-1)
        return p * (cotangents[0] - (p * cotangents[0]).sum(-1, keepdim=True))


class BiasIfItLearns(torch.autograd.Function):
    """x + bias; the bias is left out if it requires no gradient."""

    @staticmethod
    def forward(ctx, x, bias):
        return x + bias if bias.requires_grad else x.clone()

    @staticmethod
    def backward(ctx, *cotangents):
        return cotangents[0], cotangents[0].sum(0)


@pytest.mark.parametrize(
    ("function", "inputs", "name"),
    [
        (Shifted, rows, "arguments unchanged"),
        (BiasIfItLearns, lambda rng, N, D: (*rows(rng, N, D), rows(rng, 1, D)[0][0]), "values"),
    ],
)
def test_forward_pass_that_breaks_its_contract_is_found(function, inputs, name: str) -> None:
    report = quick(function.apply, inputs)
    assert any(name in found.name for found in report.failed_checks), report.failed_checks


@pytest.mark.parametrize("offset", [1e-7, -1e-7, 1e-6, -1e-6, 1e-5, -1e-5])
def test_clamp_in_float32_is_no_error_however_near(offset: float) -> None:
    class Clamped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.float().clamp(max=1.0).sigmoid().to(x.dtype)

        @staticmethod
        def backward(ctx, *cotangents):
            (x,) = ctx.saved_tensors
            s = x.float().clamp(max=1.0).sigmoid()
            return cotangents[0] * (s * (1 - s) * (x <= 1)).to(x.dtype)

    problem = BackwardProblem(
        Clamped.apply, lambda rng, N: (torch.full((N,), 1.0 + offset).double(),)
    )
    assert check(problem, {"N": 3}).verdict in ("kink", "rounding", "right")


def test_eigenvector_of_the_other_sign_in_float32_is_no_error() -> None:
    class Direction(torch.autograd.Function):
        """x / |x|, but of the other sign in float32."""

        @staticmethod
        def forward(ctx, x):
            sign = -1.0 if x.dtype == torch.float32 else 1.0
            unit = sign * x / x.norm(dim=-1, keepdim=True)
            ctx.save_for_backward(x, unit)
            ctx.sign = sign
            return unit

        @staticmethod
        def backward(ctx, *cotangents):
            x, unit = ctx.saved_tensors
            up = cotangents[0] - unit * (unit * cotangents[0]).sum(-1, keepdim=True)
            return ctx.sign * up / x.norm(dim=-1, keepdim=True)

    report = quick(Direction.apply, rows, dtypes=("float32",))
    (found,) = [check for check in report.checks if check.name == "float32"]
    assert found.verdict == "ill-conditioned"
    assert report.exit_status == 0


def test_step_that_leaves_the_domain_and_a_kink_in_the_way_are_no_error() -> None:
    class Steps(torch.autograd.Function):
        """√x with a jump just beyond 1; it raises for x < 0."""

        @staticmethod
        def forward(ctx, x):
            if (x < 0).any():
                raise ValueError("expected positive numbers")
            ctx.save_for_backward(x)
            return x.sqrt() + 0.01 * (x > 1.00001)

        @staticmethod
        def backward(ctx, *cotangents):
            return cotangents[0] / (2 * ctx.saved_tensors[0].sqrt())

    def near(rng, N):
        return torch.tensor(np.r_[1.0, rng.uniform(0.01, 2, N)])

    report = quick(Steps.apply, near, settings=Settings(cases=1))
    (found,) = [check for check in report.checks if check.name == "Taylor remainder"]
    assert found.verdict == "passed", found.message


@pytest.mark.parametrize(
    ("zeros", "factor", "verdict"),
    [(1, 1.0, "passed"), (5, 1.0, "passed"), (0, 1.0, "passed"), (0, 1.01, "failed")],
)
def test_kink_at_the_input_is_no_error(zeros: int, factor: float, verdict: str) -> None:
    class Norm(torch.autograd.Function):
        """Each row's length, whose gradient at zero is zero by agreement."""

        @staticmethod
        def forward(ctx, x):
            n = x.norm(dim=-1)
            ctx.save_for_backward(x, n)
            return n

        @staticmethod
        def backward(ctx, *cotangents):
            x, n = ctx.saved_tensors
            return factor * (cotangents[0] / torch.where(n > 0, n, 1))[:, None] * x

    def drawn(rng, N):
        return torch.tensor(rng.standard_normal((N, 3)) * (np.arange(N)[:, None] >= zeros))

    problem = BackwardProblem(Norm.apply, drawn)
    (found,) = taylor_remainder(BackwardCase(problem, Case({"N": 5}), 10.0))
    assert found.verdict == verdict, found.message


def test_singular_vectors_of_equal_entries_are_ill_conditioned_and_no_error() -> None:
    class Vectors(torch.autograd.Function):
        """The left singular vectors of a square matrix, without a safe inverse."""

        @staticmethod
        def forward(ctx, a):
            u, s, vh = torch.linalg.svd(a)
            ctx.save_for_backward(u, s, vh)
            return u

        @staticmethod
        def backward(ctx, *cotangents):
            u, s, vh = ctx.saved_tensors
            gaps = s.square() - s.square()[:, None]
            gaps.diagonal().fill_(torch.inf)
            turn = (u.T @ cotangents[0] - cotangents[0].T @ u) / gaps / 2
            return 2 * u @ (turn * s) @ vh

    def square(rng, N):
        return torch.tensor(rng.standard_normal((N, N)))

    report = quick(Vectors.apply, square, settings=Settings(cases=3))
    assert not [check for check in report.failed_checks if "expanded" in check.name]


def test_code_that_rounds_is_seen_to_though_a_gradient_is_none() -> None:
    def backward(up, x, y):
        return (2 * up * x).astype(np.float32).astype(float), None

    problem = BackwardProblem(((lambda x, y: x * x), backward), lambda rng, N: (
        rng.standard_normal(N), rng.standard_normal(N)))  # fmt: skip
    assert 1e-9 < roughness(BackwardCase(problem, Case({"N": 9}), 10.0)) < 1e-6

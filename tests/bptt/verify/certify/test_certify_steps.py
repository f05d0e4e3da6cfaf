"""Gradients that are not the plain gradient: folded with a running clip, and truncated."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bptt.verify import GradientProblem, certify_gradient

Values = dict[str, Any]


def steps_problem(clip: float, **wrong: float) -> Callable[..., GradientProblem]:
    """A running clip: each step adds its contribution, and the sum is clipped."""

    def problem(T: int, rng: np.random.Generator) -> GradientProblem:
        x = rng.standard_normal(T)

        def loss_of_steps(copies: list[Values]) -> Any:
            return sum(np.sin(x[t] * p["w"]).sum() for t, p in enumerate(copies))

        def fold(contributions: list[Values]) -> Values:
            total = np.zeros(3)
            for one in reversed(contributions):
                total = np.clip(total + one["w"], -clip, clip)
            return {"w": total}

        def gradient(p: Values) -> Values:
            slopes = [{"w": x[t] * np.cos(x[t] * p["w"])} for t in range(T)]
            return {"w": fold(slopes)["w"] * wrong.get("factor", 1.0)}

        drawn = {"w": rng.standard_normal(3)}
        return GradientProblem(
            drawn, lambda p: loss_of_steps([p] * T), gradient, loss_of_steps, fold
        )

    return problem


def test_running_clip_is_certified_by_its_fold() -> None:
    certificate = certify_gradient(steps_problem(0.4), {"T": 6})
    assert certificate.verdict == "proved right", certificate
    assert certificate.parameters[0].formula == 40.0
    assert certify_gradient(steps_problem(0.4, factor=1 + 1e-9), {"T": 6}).exit_status == 1


def test_truncated_gradient_is_certified() -> None:
    def problem_of(K: int) -> Callable[..., GradientProblem]:
        def problem(T: int, rng: np.random.Generator) -> GradientProblem:
            def loss_of_steps(copies: list[Values]) -> Any:
                state, losses = 1.0, []
                for p in copies:
                    state = state * p["w"][0]
                    losses.append(state)
                return losses

            def gradient(p: Values) -> Values:
                w = p["w"][0]
                # d(w**t) has t equal contributions, of which K remain
                return {"w": np.array([sum(min(K, t) * w ** (t - 1) for t in range(1, T + 1))])}

            return GradientProblem(
                {"w": rng.standard_normal(1)}, lambda p: sum(loss_of_steps([p] * T)), gradient,
                loss_of_steps, truncate=2,
            )  # fmt: skip

        return problem

    assert certify_gradient(problem_of(2), {"T": 5}).verdict == "proved right"
    assert certify_gradient(problem_of(3), {"T": 5}).verdict == "proved wrong"

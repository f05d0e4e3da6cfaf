"""The estimates of noise that oracles and verdicts rest on."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.verify import GradientProblem, Settings, check, verify
from bptt.verify.checker.oracles.differences import SPACING, jags


@given(st.integers(1, 60), st.floats(1e-12, 1e-3))
def test_noise_of_a_staircase_is_seen_at_any_slope(climbed: int, height: float) -> None:
    def along(distance: float) -> float:
        return height * np.floor(climbed * (distance / SPACING) + 0.3)

    noise, _ = jags(along, 2.0**-53)
    assert noise >= 0.1 * height


def product(a, b) -> float:
    return sum(one * other for one, other in zip(a, b, strict=True))


def layer_on_python_floats(factor: float):
    """Make a tanh layer whose gradient no operation of NumPy computes; its tanh errs by an ulp."""

    def problem(N, D, rng):
        up = rng.standard_normal((N, 2))
        p = {"x": rng.standard_normal((N, D)), "w": rng.standard_normal((D, 2))}

        def loss(p):
            return (up * np.tanh(p["x"] @ p["w"])).sum()

        def slope(z):
            return 1.0 - math.nextafter(math.tanh(z), 0.0) ** 2

        def gradient(p):
            x, w = p["x"].tolist(), p["w"].tolist()
            columns = list(zip(*w, strict=True))
            dz = [
                [float(u) * slope(product(row, c)) for u, c in zip(ups, columns, strict=True)]
                for row, ups in zip(x, up, strict=True)
            ]
            dx = [[product(dz_of_n, row) for row in w] for dz_of_n in dz]
            dw = [
                [factor * product(of_x, of_z) for of_z in zip(*dz, strict=True)]
                for of_x in zip(*x, strict=True)
            ]
            return {"x": np.array(dx), "w": np.array(dw)}

        return GradientProblem(p, loss, gradient)

    return problem


@pytest.mark.parametrize("seed", range(20))
def test_slope_of_saturated_units_is_rounding_where_no_operation_is_seen(seed: int) -> None:
    right, wrong = layer_on_python_floats(1.0), layer_on_python_floats(1.0 + 1e-11)
    assert check(right, {"N": 5, "D": 3}, seed=seed, scale=10.0).verdict in ("right", "rounding")
    assert check(wrong, {"N": 5, "D": 3}, seed=seed).verdict == "wrong"


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "right"), (1 + 1e-6, "wrong")])
def test_infinity_of_a_mask_is_exact(factor: float, verdict: str) -> None:
    """Where it was disturbed, NaN came out, and every case of causal attention was undecidable."""

    def problem(T, D, rng):
        c = rng.standard_normal((T, D))
        p = {name: rng.standard_normal((T, D)) for name in "qkv"}

        def weights(p):
            scores = np.where(np.tri(T, dtype=bool), p["q"] @ p["k"].T, -np.inf)
            e = np.exp(scores - np.real(scores).max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)

        def gradient(p):
            w, dw = weights(p), c @ p["v"].T
            ds = w * (dw - (dw * w).sum(1, keepdims=True))
            return {"q": factor * ds @ p["k"], "k": ds.T @ p["q"], "v": w.T @ c}

        return GradientProblem(p, lambda p: (weights(p) @ p["v"] * c).sum(), gradient)

    report = verify(problem, Settings(cases=10, budget=20.0))
    assert report.verdict == verdict
    assert factor != 1 or report.headline == "right"


def test_right_only_where_the_gradient_is_zero_is_undecidable() -> None:
    def problem(T, rng):
        x = rng.standard_normal(T)

        def loss(p):
            if T == 1:
                return 0 * p["x"].sum()
            return (np.abs(p["x"]).sum() + 1e18) - 1e18

        return GradientProblem({"x": x}, loss, lambda p: {"x": np.sign(p["x"]) * (T > 1)})

    report = verify(problem, Settings(cases=6, budget=20.0))
    assert {"right", "undecidable"} <= set(report.tally("verdict")), report.tally("verdict")
    assert (report.verdict, report.exit_status) == ("undecidable", 2)

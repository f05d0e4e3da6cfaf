"""The estimates of noise that oracles and verdicts rest on."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.verify import GradientProblem, check
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

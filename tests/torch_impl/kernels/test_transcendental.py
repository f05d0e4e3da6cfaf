# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""tanh, exp and log of vectors: within the stated errors of mpmath, as NumPy for special values."""

import mpmath
import numba
import numpy as np
import pytest

from torch_impl.kernels.transcendental import exp, log, tanh
from torch_impl.kernels.vectors import load, store, vector_length

LARGEST_ULP = {"tanh": 3.0, "exp": 1.1, "log": 1.0}


@numba.njit
def fill_tanh(out, x):
    for n in range(0, x.shape[1], vector_length(x)):
        store(out, 0, n, tanh(load(x, 0, n)))


@numba.njit
def fill_exp(out, x):
    for n in range(0, x.shape[1], vector_length(x)):
        store(out, 0, n, exp(load(x, 0, n)))


@numba.njit
def fill_log(out, x):
    for n in range(0, x.shape[1], vector_length(x)):
        store(out, 0, n, log(load(x, 0, n)))


def apply(name: str, x: np.ndarray) -> np.ndarray:
    size = -(-len(x) // 64) * 64
    padded = np.zeros((1, size), x.dtype)
    padded[0, : len(x)] = x
    out = np.empty_like(padded)
    {"tanh": fill_tanh, "exp": fill_exp, "log": fill_log}[name](out, padded)
    return out[0, : len(x)]


def points(name: str, count: int, dtype: type, seed: int) -> np.ndarray:
    """Return arguments, a quarter each: typical, of the whole range, tiny, hard to reduce."""
    if name == "log":
        return positive_points(count, dtype, seed)
    rng = np.random.default_rng(seed)
    quarter = count // 4
    reach = 700 if dtype is np.float64 else 85
    halves = rng.integers(-60, 60, quarter) + 0.5  # the argument furthest from a multiple of ln 2
    return np.concatenate(
        [
            rng.standard_normal(quarter),
            rng.uniform(-reach, reach, quarter),
            np.exp(rng.uniform(-30, 3, quarter)) * rng.choice([-1, 1], quarter),
            halves * np.log(2) / rng.choice([1, 2], quarter) + rng.normal(0, 1e-6, quarter),
        ]
    ).astype(dtype)


def positive_points(count: int, dtype: type, seed: int) -> np.ndarray:
    """Return arguments, a quarter each: typical, of the whole range, near 1, near sqrt 2."""
    rng = np.random.default_rng(seed)
    quarter = count // 4
    low, high = (-1074, 1023) if dtype is np.float64 else (-149, 127)
    near_one = 1 + rng.choice([-1, 1], quarter) * np.exp(rng.uniform(-36, -1, quarter))
    return np.concatenate(
        [
            rng.uniform(1, 100, quarter),
            np.exp2(rng.uniform(low, high, quarter)),
            near_one,
            np.sqrt(2) * np.exp2(rng.integers(-9, 9, quarter)) * (1 + rng.normal(0, 1e-6, quarter)),
        ]
    ).astype(dtype)


def largest_error(name: str, x: np.ndarray, got: np.ndarray) -> float:
    """Return the largest error in ulps (units in the last place of the true value)."""
    function, worst = getattr(mpmath, name), 0.0
    with mpmath.workprec(120):
        for a, b in zip(x.tolist(), got.tolist(), strict=True):
            true = function(mpmath.mpf(a))
            place = float(np.spacing(x.dtype.type(abs(float(true)))))
            worst = max(worst, abs(float((mpmath.mpf(b) - true) / place)))
    return worst


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["tanh", "exp", "log"])
def test_error_stays_below_what_is_stated(name: str, dtype: type) -> None:
    x = points(name, 4_000, dtype, seed=1)
    assert largest_error(name, x, apply(name, x)) <= LARGEST_ULP[name]


@pytest.mark.campaign
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["tanh", "exp", "log"])
def test_error_stays_below_what_is_stated_over_a_million_points(name: str, dtype: type) -> None:
    x = points(name, 1_000_000, dtype, seed=2)
    worst = largest_error(name, x, apply(name, x))
    print(f"{name} in {np.dtype(dtype)}: {worst:.3f} ulp")
    assert worst <= LARGEST_ULP[name]


EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -1e-310, 5e-324, 1e-45, -745.0, -745.2, -750.0,
         -708.5, 709.78, 709.79, 710.5, -87.4, -103.9, -104.0, 88.72, 88.73, 1e300, -1e300, 19.0,
         -19.1, 9.01, 22.0]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["tanh", "exp", "log"])
def test_special_values_are_numpys(name: str, dtype: type) -> None:
    with np.errstate(all="ignore"):
        x = np.array(EDGES, np.float64).astype(dtype)
        expected = getattr(np, name)(x)
    got = apply(name, x)
    special = ~np.isfinite(expected) | (expected == 0) | (np.abs(x) > 700)
    np.testing.assert_array_equal(got[special], expected[special])
    signed = special & ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[signed]), np.signbit(expected[signed]))
    places = np.spacing(np.abs(expected[~special])).astype(np.float64)
    differences = got[~special].astype(np.float64) - expected[~special].astype(np.float64)
    assert np.all(np.abs(differences) <= (LARGEST_ULP[name] + 2) * places)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_states_never_exceed_one(dtype: type) -> None:
    """docs/running-clip.md relies on it."""
    x = np.linspace(-30, 30, 100_003).astype(dtype)
    assert np.abs(apply("tanh", x)).max() == 1.0

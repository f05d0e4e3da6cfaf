"""Balls on a tape contain the exact values and derivatives, whatever NumPy does with them."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bptt.verify.certify.tape.ball import Ball, Tape, lift
from bptt.verify.certify.tape.dispatch import FUNCTIONS, BallArray, array_of
from bptt.verify.certify.tape.elementary import SMOOTH
from bptt.verify.certify.tape.running import balls_kept
from bptt.verify.certify.tape.trouble import NotInBallsError, UndecidedError

RNG = np.random.default_rng(5)
X = RNG.uniform(0.2, 0.9, (3, 4))
Function = Callable[..., Any]
# NumPy's name, for those that mpmath calls otherwise
OF_MPMATH: dict[str, Function] = {
    "exp2": lambda x: mpmath.power(2, x), "log2": lambda x: mpmath.log(x, 2),
    "square": lambda x: x * x, "reciprocal": lambda x: 1 / x, "negative": lambda x: -x,
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh, "arctanh": mpmath.atanh, "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "log_expit": lambda x: -mpmath.log(1 + mpmath.exp(-x)), "gammaln": mpmath.loggamma,
    "logit": lambda x: mpmath.log(x / (1 - x)), "digamma": mpmath.digamma,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
}  # fmt: skip


def balls(values: np.ndarray, tape: Tape) -> BallArray:
    return array_of([tape.variable(arb(x)) for x in values.ravel().tolist()], values.shape)


def enclosed(function: Function, values: np.ndarray, bits: int = 128) -> tuple[arb, list[arb]]:
    """Return the enclosures of a scalar function's value and of its gradient."""
    tape = Tape()
    with ctx.workprec(bits), balls_kept(function):
        result = lift(function(balls(values, tape)))
        adjoints = tape.gradient(result)[: values.size]
    return result.value, [arb(0) if one is None else one for one in adjoints]


def contains(ball: arb, exact: Any) -> bool:
    """Whether a number of mpmath lies in a ball, up to mpmath's own error."""
    error = arb(0, 1e-25 * (1 + abs(float(exact))))
    return ball.overlaps(arb(mpmath.nstr(exact, 45)) + error)


@pytest.mark.parametrize("name", sorted(SMOOTH))
@given(seed=st.integers(0, 10**6), bits=st.sampled_from([24, 53, 200]))
@settings(max_examples=6)
def test_each_function_and_its_derivative_are_enclosed(name: str, seed: int, bits: int) -> None:
    x = np.random.default_rng(seed).uniform(0.05, 0.95)
    x = 1 + x if name == "arccosh" else x
    if name not in ("arccosh", "log", "log2", "log10", "sqrt", "logit", "gammaln", "digamma"):
        x *= np.sign(seed % 2 - 0.5)
    exact = OF_MPMATH.get(name) or getattr(mpmath, name)
    with mpmath.workdps(60):
        value, (slope,) = enclosed(FUNCTIONS[name].function, np.array(x), bits)
        assert contains(value, mpmath.re(exact(mpmath.mpf(x))))
        assert contains(slope, mpmath.re(mpmath.diff(exact, mpmath.mpf(x))))
        assert slope.rel_accuracy_bits() > bits - 16


SAFE = ("exp", "tanh", "sin", "cos", "arctan", "expit", "square", "negative", "arcsinh")


def expressions() -> SearchStrategy[Callable[[Any, Any], Any]]:
    """Draw expressions of x[0], x[1] and constants, as functions of x and of a module."""

    def chosen(place: int) -> Callable[[Any, Any], Any]:
        return lambda x, of: x[place]

    leaves = st.sampled_from([0, 1]).map(chosen) | st.sampled_from([0.5, -1.25, 3]).map(
        lambda number: lambda x, of: number + 0 * x[0]  # not a float, which would be rounded
    )

    def grown(parts: Any) -> Any:
        unary = st.builds(
            lambda name, f: lambda x, of: of(name)(f(x, of)), st.sampled_from(SAFE), parts
        )
        binary = st.builds(
            lambda kind, f, g: lambda x, of: kind(f(x, of), g(x, of)),
            st.sampled_from([
                lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b,
                lambda a, b: a / (2 + b * b), lambda a, b: (1 + a * a) ** b, lambda a, b: a**3 + b,
            ]),
            parts, parts,
        )  # fmt: skip
        return unary | binary

    return st.recursive(leaves, grown, max_leaves=8)


@given(expressions(), st.integers(0, 10**6), st.sampled_from([53, 150]))
@settings(max_examples=40)
def test_random_expression_and_its_gradient_are_enclosed(
    expression: Callable[[Any, Any], Any], seed: int, bits: int
) -> None:
    at = np.random.default_rng(seed).uniform(-1.0, 1.0, 2)

    def in_balls(x: Any) -> Any:
        return 0 * x[0] + expression(x, lambda name: FUNCTIONS[name].function)

    def exact(a: Any, b: Any) -> Any:
        return 0 * a + expression((a, b), lambda name: OF_MPMATH.get(name) or getattr(mpmath, name))

    with mpmath.workdps(60):
        point = tuple(map(mpmath.mpf, at))
        size = exact(*point)
        if not mpmath.isfinite(size) or abs(size) > 1e6:
            return
        value, slopes = enclosed(in_balls, at, bits)
        assert contains(value, size)
        for slope, order in zip(slopes, ((1, 0), (0, 1)), strict=True):
            assert contains(slope, mpmath.diff(exact, point, order))


SHAPES: dict[str, Function] = {
    "matmul, transpose": lambda x: (x @ x.T @ np.ones((3, 2))).sum(),
    "matmul of stacks": lambda x: (x.reshape(3, 1, 4) @ x.reshape(3, 2, 2)[:, :, :1].repeat(
        2, axis=1) * np.arange(3.0)[:, None, None]).sum(),
    "vector @ matrix @ vector": lambda x: x[0, :3] @ x @ x[1],
    "dot, outer, inner, vdot": lambda x: np.dot(x[0], x[1]) + np.outer(x[0], x[2]).sum()
    + np.inner(x[1], x[2]) + np.vdot(x[0], x[2]) + x[0].dot(x[1]) + np.dot(2.0, x)[0, 1],
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x)[0, 1] + np.einsum("ij,j->", x, x[0]),
    "tensordot, kron, trace": lambda x: np.tensordot(x, x, 1 if x.shape[0] == 4 else ([1], [1]))[
        0, 2] + np.kron(x[0], x[1])[5] + np.trace(x),
    "sums": lambda x: (x.sum(0) * np.arange(4)).sum() + np.cumsum(x)[7] + np.prod(x[0]),
    "means": lambda x: x.mean() + x.var() + np.std(x, axis=1, ddof=1).sum() + np.mean(x, 0)[2]
    + np.average(x[0], weights=[1, 2, 3, 4]),
    "largest": lambda x: x.max() + np.min(x, axis=1).sum() + np.amax(x, axis=(0, 1)) + np.ptp(x),
    "clip, abs, sign, where": lambda x: np.clip(x - 0.5, -0.1, 0.1).sum() + np.abs(x - 0.5).sum()
    + (np.sign(x - 0.4) * x).sum() + np.where(x > 0.5, x, x**2).sum() + np.fmax(x, 0.3).sum(),
    "norms": lambda x: np.linalg.norm(x) + np.linalg.norm(x, axis=1).sum() + np.hypot(x[0, 0], 2),
    "joined": lambda x: (np.concatenate([x, x[:1] ** 2]) * np.arange(16.0).reshape(4, 4)).sum()
    + np.stack([x[0], x[1]], axis=1)[2, 1] + np.vstack([x, np.ones(4)])[1, 1],
    "pieces": lambda x: np.split(x, 2, axis=1)[1][0, 1] + np.roll(x, 1)[0, 0] + np.flip(x)[0, 0]
    + np.tile(x, 2)[1, 5] + np.swapaxes(x, 0, 1)[3, 2] + np.diff(x, axis=1)[1, 1] + x.ravel()[-1],
    "indices": lambda x: (x[[0, 2, 2], [1, 1, 3]] ** 2).sum() + x[x > 0.5].sum()
    + np.take(x, [3, 1], axis=1).sum() + np.sort(x[0])[2] + x[0][np.argmax(x[0])],
    "list of numbers": lambda x: np.array([x[0, 0], 2.0, x[1, 1] ** 2]) @ np.array([1.0, 2.0, 3.0])
    + sum(np.sin(v) for v in x[0]) + np.log(np.array([x[0, 1], 2.0])).sum() + max(x[1]),
    "logaddexp, arctan2, power": lambda x: np.logaddexp(x[0], x[1]).sum()
    + np.logaddexp.reduce(x[2]) + np.arctan2(x[0, 0], -x[0, 1]) + (x[0] ** x[1]).sum()
    + (2.0 ** x[2]).sum() + np.power(x, -2).sum() + np.float_power(x, 0.5).sum(),
    "dtype and out": lambda x: np.sum(x, dtype=np.float64) + np.exp(x, out=np.zeros((3, 4))).sum()
    + np.asarray(x, dtype=float).sum() + x.astype("f8").sum()
    + np.add(x, 1, out=x * 2, where=x > 0.4).sum(),
    "own ufunc": lambda x: np.frompyfunc(lambda a, b: a * b, 2, 1)(x, x[0]).sum()
    + np.vectorize(lambda a: a**2)(x).sum(),
    "rounding": lambda x: (np.floor(3 * x) * x).sum() + np.ceil(x[0, 0]) * x[0, 0],
}  # fmt: skip


def differences(function: Function, at: np.ndarray) -> np.ndarray:
    """Return the central differences of a function of an array."""
    found = []
    for place in range(at.size):
        step = np.zeros(at.size)
        step[place] = 1e-6
        there, back = (function(at + side * step.reshape(at.shape)) for side in (1, -1))
        found.append((there - back) / 2e-6)
    return np.array(found)


@pytest.mark.parametrize("name", SHAPES)
def test_gradient_through_numpy_functions(name: str) -> None:
    function = SHAPES[name]
    value, slopes = enclosed(function, X)
    assert float(value) == pytest.approx(float(function(X)), rel=1e-13)
    np.testing.assert_allclose([float(one) for one in slopes], differences(function, X), 1e-6, 1e-7)
    assert all(one.rad() < 1e-30 for one in slopes)


def in_place(x: Any) -> Any:
    states, total = np.zeros((4, 4)), 0.0
    counts = np.empty_like(x[0])
    counts[:] = 1.0
    for t in range(3):
        states[t + 1] = np.tanh(states[t] + x[t])
        states[t + 1, 1:3] *= 2.0
        counts += states[t + 1]
        total += states[t + 1][t]
    one = np.eye(4)
    one[0, 2] = x[0, 1]
    np.add.at(states, ([0, 0, 1], [1, 1, 2]), x[0, :3])
    states[states > 0.9] = 0.5
    return total + (states**2).sum() + counts @ one @ np.arange(4.0)


def python_floats(x: Any) -> Any:
    import math

    total = 0.0
    for row in x:
        total += float(math.exp(row[0])) + math.log(row[1], 2) + math.sqrt(row[2]) + abs(-row[3])
        total -= math.pow(row[0], 2) * math.fabs(row[1])
    assert isinstance(total, float)
    assert np.isfinite(total)
    return float(total)


@pytest.mark.parametrize("function", [in_place, python_floats])
def test_gradient_through_buffers_and_floats(function: Function) -> None:
    value, slopes = enclosed(function, X)
    assert float(value) == pytest.approx(function(X), rel=1e-13)
    np.testing.assert_allclose([float(one) for one in slopes], differences(function, X), 1e-6, 1e-7)


def test_names_are_put_back_after_the_run() -> None:
    import math

    before = np.zeros, np.array, math.exp
    enclosed(python_floats, X)
    assert (np.zeros, np.array, math.exp) == before
    assert "float" not in globals()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: np.linalg.inv(x[:, :3]).sum(), "np.linalg.inv is not supported"),
        (lambda x: np.remainder(x, 2).sum(), "np.remainder is not supported"),
        (lambda x: np.fft.fft(x).real.sum(), "np.fft.fft is not supported"),
        (lambda x: X.copy().__iadd__(x).sum(), "can't hold balls"),
        (lambda x: X.copy().__setitem__(0, x[0]), "a ball would become a float"),
        (lambda x: int(x[0, 0]), "a ball would become a float"),
        (lambda x: (x * 1j).sum(), "can't be combined with complex"),
    ],
)
def test_what_balls_cannot_do_is_named_with_its_line(function: Function, words: str) -> None:
    with pytest.raises(NotInBallsError, match=words) as raised:
        enclosed(function, X)
    assert "test_tape.py, line" in str(raised.value)


def test_numbers_of_another_tape_are_refused() -> None:
    kept = Tape().variable(arb(1))
    with pytest.raises(NotInBallsError, match="earlier call"):
        enclosed(lambda x: (x * kept).sum(), X)
    with pytest.raises(NotInBallsError, match="earlier call"):
        enclosed(lambda x: (x @ np.array([kept] * 4)).sum(), X)


def overlapping() -> tuple[Ball, Ball]:
    return Ball(arb(1, 1e-3)), Ball(arb(1.0005, 1e-3))


@pytest.mark.parametrize("name", ["less", "less_equal", "greater", "greater_equal", "equal"])
def test_comparison_of_balls_that_overlap_is_undecided(name: str) -> None:
    a, b = overlapping()
    with pytest.raises(UndecidedError, match="may be equal"):
        FUNCTIONS[name].function(a, b)
    assert getattr(np, name)(a, a) == getattr(np, name)(1, 1)
    assert getattr(np, name)(a, 2.0) == getattr(np, name)(1, 2)
    assert getattr(np, name)(3, a) == getattr(np, name)(3, 1)


@pytest.mark.parametrize("tied", [np.maximum, np.minimum])
def test_tie_has_the_derivatives_of_both_sides(tied: Function) -> None:
    tape = Tape()
    x, y = balls(np.array([2.0, 2.0]), tape)
    slopes = tape.gradient(tied(3 * x, 6 + 0 * y))
    assert all(slope is not None for slope in slopes[:2])
    assert slopes[0] is not None
    assert slopes[0].contains(0)
    assert slopes[0].contains(3)
    assert tape.exact
    assert "that are equal, in test_tape.py, line" in next(iter(tape.ties))


def test_softmax_at_a_tie_is_enclosed_all_the_same() -> None:
    def loss(x: Any) -> Any:
        shifted = x - x.max()
        return np.log(np.exp(shifted).sum()) - shifted[0]

    _, slopes = enclosed(loss, np.zeros(3))
    np.testing.assert_allclose([float(one) for one in slopes], [-2 / 3, 1 / 3, 1 / 3], 1e-30)
    assert all(one.rad() < 1e-30 for one in slopes)


def test_kink_is_wide_and_a_branch_at_a_tie_is_noted() -> None:
    _, slopes = enclosed(lambda x: np.maximum(x, 0).sum() + np.abs(x).sum(), np.array([0.0, 2.0]))
    assert slopes[0].contains(-1)
    assert slopes[0].contains(2)
    assert slopes[1] == 2
    tape = Tape()
    x = balls(np.array([0.0, 2.0]), tape)
    assert np.where(x > 0, x, 0.1 * x)[1] is x[1]
    assert tape.branched == tape.ties
    assert len(tape.branched) == 1

"""The compiled window compared with the reference: same weights, same window, every gradient."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from reference import Parameters, backward, forward
from torch_impl.fast import differentiate_window

from ...lockstep import assert_close, differentiate_lanes, magnitudes
from ...strategies import Case, cases

ROUNDING = 1e-14  # relative to the sum of an entry's absolute terms; about 50 roundings
SIZES = 20  # more than any processor's vector, so that remainders and padding occur


@given(cases(max_size=SIZES, max_scale=0.3))
def test_window_equals_the_reference(case: Case) -> None:
    trace = case.forward()
    window = differentiate_window(case.parameters, case.inputs, case.targets, case.state, case.clip)
    assert window.loss == pytest.approx(trace.loss, rel=1e-13)
    np.testing.assert_allclose(window.final_state, trace.final_state, rtol=0, atol=1e-13)
    expected = backward(case.parameters, trace, case.clip)
    rounding = ROUNDING * np.array(
        magnitudes(case.parameters, case.inputs[:, None], case.targets[:, None], case.state)
    )
    assert_close(got=window.gradients, expected=expected, relative=1e-12, rounding=rounding)


@given(cases(max_size=SIZES))
def test_window_is_as_near_as_rounding_the_weights_where_tanh_saturates(case: Case) -> None:
    """1 - a² cancels where |a| is nearly 1; correct programs then differ in the rest."""
    assume(not case.softmax_overflows)
    window = differentiate_window(case.parameters, case.inputs, case.targets, case.state, case.clip)
    expected = backward(case.parameters, case.forward(), case.clip)
    spread = np.zeros(5)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        nearby = Parameters(
            *(w * (1 + 2e-16 * rng.choice([-1, 1], w.shape)) for w in case.parameters)
        )
        trace = forward(nearby, case.inputs, case.targets, case.state)
        moved = zip(backward(nearby, trace, case.clip), expected, strict=True)
        spread = np.maximum(spread, [np.abs(a - b).max() for a, b in moved])
    rounding = ROUNDING * np.array(
        magnitudes(case.parameters, case.inputs[:, None], case.targets[:, None], case.state)
    )
    assert_close(
        got=window.gradients, expected=expected, relative=1e-12, rounding=rounding + 100 * spread
    )


@given(cases(max_size=SIZES, max_scale=0.3), st.integers(1, 9), st.sampled_from([1.0, 3.0]))
def test_lanes_are_summed_before_the_clip(case: Case, lanes: int, largest: float) -> None:
    rng = np.random.default_rng([case.seed, 9])
    inputs = rng.integers(case.V, size=(case.T, lanes))
    targets = rng.integers(case.V, size=(case.T, lanes))
    state = rng.uniform(-largest, largest, (case.H, lanes))
    loss, expected = differentiate_lanes(case.parameters, inputs, targets, state, case.clip)
    window = differentiate_window(case.parameters, inputs, targets, state, case.clip)
    assert window.loss == pytest.approx(loss, rel=1e-13)
    rounding = ROUNDING * np.array(magnitudes(case.parameters, inputs, targets, state))
    assert_close(got=window.gradients, expected=expected, relative=1e-12, rounding=rounding)


@given(cases(max_size=SIZES, max_scale=0.3), st.sampled_from([1, 3]))
def test_float32_is_float32_near(case: Case, lanes: int) -> None:
    rng = np.random.default_rng([case.seed, 9])
    inputs = rng.integers(case.V, size=(case.T, lanes))
    state = np.repeat(case.state, lanes, axis=1)
    expected = differentiate_window(case.parameters, inputs, inputs[::-1], state, case.clip)
    single = [w.astype(np.float32) for w in case.parameters]
    window = differentiate_window(single, inputs, inputs[::-1], state.astype(np.float32), case.clip)
    assert all(gradient.dtype == torch.float32 for gradient in window.gradients)
    assert window.loss == pytest.approx(expected.loss, rel=1e-4)
    if case.clip is None:  # elsewhere an entry may be at the clip and another's may not
        assert_close(got=window.gradients, expected=expected.gradients, relative=1e-2)


@pytest.mark.parametrize("size", [(150, 35, 80), (64, 10, 3), (128, 4, 130), (200, 3, 17)])
def test_real_sizes_equal_the_reference(size: tuple[int, int, int]) -> None:
    H, T, V = size
    rng = np.random.default_rng(H)
    shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    parameters = Parameters(*(rng.standard_normal(shape) * 0.1 for shape in shapes))
    inputs, targets = rng.integers(V, size=(2, T))
    state = rng.uniform(-1, 1, (H, 1))
    for clip in (5.0, 0.3, None):
        expected = backward(parameters, forward(parameters, inputs, targets, state), clip)
        window = differentiate_window(parameters, inputs, targets, state, clip)
        assert_close(got=window.gradients, expected=expected, relative=1e-12)


def test_softmax_is_shifted_where_the_reference_overflows() -> None:
    parameters = Parameters(
        np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((3, 2)), np.zeros((2, 1)),
        np.array([[1000.0], [0.0], [-1000.0]]),
    )  # fmt: skip
    window = differentiate_window(parameters, np.array([0]), np.array([1]), np.zeros((2, 1)), None)
    assert window.loss == 1000.0
    np.testing.assert_array_equal(window.gradients.by, [[1.0], [-1.0], [0.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", range(5))
def test_weights_that_are_no_numbers_give_no_number_for_the_loss(bad: float, which: int) -> None:
    rng = np.random.default_rng(0)
    shapes = ((3, 2), (3, 3), (2, 3), (3, 1), (2, 1))
    weights = [rng.standard_normal(shape) for shape in shapes]
    weights[which][:] = bad
    inputs = np.array([0, 1, 1])
    window = differentiate_window(weights, inputs, inputs, np.zeros((3, 1)), 5.0)
    saturates = which in (0, 1, 3) and np.isinf(bad)
    assert np.isfinite(window.loss) == (saturates and which != 1)


GOOD = {
    "parameters": [np.zeros(shape) for shape in ((3, 2), (3, 3), (2, 3), (3, 1), (2, 1))],
    "inputs": np.array([0, 1]),
    "targets": np.array([1, 0]),
    "initial_state": np.zeros((3, 1)),
    "clip": 5.0,
}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"inputs": np.array([0, 2])}, ValueError, "must lie in 0..1 .* got 2 at position 1"),
        ({"targets": np.array([-1, 0])}, ValueError, "targets must lie in 0..1 .* got -1"),
        ({"inputs": np.array([0.0, 1.0])}, TypeError, "inputs must be whole numbers, got float64"),
        ({"inputs": np.array([0])}, ValueError, "of one shape"),
        ({"inputs": np.array([], int), "targets": np.array([], int)}, ValueError, "at least 1"),
        (
            {"inputs": np.zeros((2, 0), int), "targets": np.zeros((2, 0), int)},
            ValueError,
            "T and B at least 1",
        ),
        ({"initial_state": np.zeros((2, 1))}, ValueError, r"shape \(3, 1\), got \(2, 1\)"),
        ({"initial_state": np.zeros((3, 1), np.float32)}, TypeError, "one dtype"),
        ({"clip": -1.0}, ValueError, "clip must be None or a number of at least 0, got -1.0"),
        ({"clip": float("nan")}, ValueError, "clip must be"),
        ({"parameters": GOOD["parameters"][:4]}, ValueError, "the five of Whx"),
        (
            {"parameters": [*GOOD["parameters"][:4], np.zeros((3, 1))]},
            ValueError,
            r"expected by of shape \(2, 1\), got \(3, 1\)",
        ),
        (
            {"parameters": [*GOOD["parameters"][:4], np.zeros((2, 1), np.float32)]},
            TypeError,
            "one dtype, .* got torch.float32, torch.float64",
        ),
        (
            {"parameters": [w.astype(np.float16) for w in GOOD["parameters"]],
             "initial_state": np.zeros((3, 1), np.float16)},
            TypeError,
            "torch.float32 or torch.float64, got torch.float16",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_named(change: dict, error: type[Exception], words: str) -> None:
    differentiate_window(**GOOD)
    with pytest.raises(error, match=words):
        differentiate_window(**(GOOD | change))

"""Only rows on which the running clip cannot act are summed as products, and most of those are."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference import Parameters, backward, forward
from torch_impl.fast import differentiate_window
from torch_impl.fast.gradients import find_signals, sum_up
from torch_impl.fast.layout import Storage, workspace
from torch_impl.fast.running_clip import limit

from ...lockstep import assert_close


def saturated(H: int, V: int, seed: int) -> Parameters:
    """Return weights with states of exactly ±1 that never change: sums then attain their reach."""
    rng = np.random.default_rng(seed)
    return Parameters(
        Whx=np.zeros((H, V)),
        Wha=np.zeros((H, H)),
        Wya=rng.standard_normal((V, H)),
        bh=40.0 * rng.choice([-1.0, 1.0], (H, 1)),
        by=rng.standard_normal((V, 1)),
    )


@given(st.integers(1, 9), st.integers(2, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_clip_acts_just_below_the_reach_and_not_above(H: int, V: int, T: int, seed: int) -> None:
    parameters = saturated(H, V, seed)
    inputs, targets = np.zeros(T, int), np.ones(T, int)
    trace = forward(parameters, inputs, targets, np.ones((H, 1)))
    dz = trace.probabilities - np.eye(V)[targets][:, :, np.newaxis]
    reach = np.abs(dz).sum(axis=0)[:, 0]  # one sign each: the largest sum in the fold
    for factor in (0.9, 1 - 1e-6, 1 - 1e-13, 1.0, 1 + 1e-13, 1 + 1e-6):
        clip = reach[1] * factor
        expected = backward(parameters, trace, clip)
        acted = np.abs(expected.Wya[1]).max() < reach[1] * (1 - 1e-7)
        assert acted == (factor <= 1 - 1e-6)
        window = differentiate_window(parameters, inputs, targets, np.ones((H, 1)), clip)
        assert_close(
            got=window.gradients, expected=expected, relative=1e-14, rounding=[1e-15 * T * H] * 5
        )


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6), st.sampled_from([1.0, 50.0]))
def test_given_states_beyond_one_widen_the_reach(H: int, T: int, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    V = 3
    shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    parameters = Parameters(*(rng.standard_normal(shape) * 0.02 for shape in shapes))
    inputs, targets = rng.integers(V, size=(2, T))
    state = rng.choice([-size, size], (H, 1))
    trace = forward(parameters, inputs, targets, state)
    plain = backward(parameters, trace, None)
    clip = float(np.abs(plain.Wha).max()) * 0.9  # acts on the largest entry, at least
    expected = backward(parameters, trace, clip)
    assert np.abs(expected.Wha).max() <= clip
    window = differentiate_window(parameters, inputs, targets, state, clip)
    assert_close(got=window.gradients, expected=expected, relative=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reach_bounds_every_running_sum_and_is_not_far_above(dtype: torch.dtype) -> None:
    H, V, T, B = 30, 7, 12, 3
    rng = np.random.default_rng(1)
    work = workspace(H, V, T, B, dtype)
    weights, gradients = Storage.zeros(H, V, dtype), Storage.zeros(H, V, dtype)
    weights.fill([rng.standard_normal(view.shape) * 0.5 for view in weights], "weights")
    rows = len(work.carried)
    work.states[:B, :H] = rng.uniform(-2, 2, (B, H))
    work.inputs.reshape(T, rows)[:, :B] = rng.integers(V, size=(T, B))
    work.targets.reshape(T, rows)[:, :B] = rng.integers(V, size=(T, B))
    number = work.dh.dtype.type
    inf = number(np.inf)
    find_signals(weights.arrays(), work, T, B, H, V)
    sum_up(gradients.arrays(), work, T, (0, H), (0, V), inf, inf)

    dh = work.dh[: T * rows, :H].reshape(T, rows, H)[:, :B].astype(np.float64)
    dz = work.dz[:V, : T * rows].reshape(V, T, rows)[:, :, :B].astype(np.float64)
    first = max(1.0, np.abs(work.states[:B]).max())
    expected = np.abs(dh[1:]).sum((0, 1)) + first * np.abs(dh[0]).sum(0)
    np.testing.assert_allclose(work.reach[0, :H], expected, rtol=1e-5)
    np.testing.assert_allclose(work.reach_y[0, :V], np.abs(dz).sum((1, 2)), rtol=1e-5)
    assert first > 1.5


def test_margin_covers_the_rounding_that_the_proof_counts() -> None:
    for dtype in (np.float32, np.float64):
        u = np.finfo(dtype).eps / 2
        for terms in (1, 35, 1000):
            needed = (1 - u) ** (terms + 2) / (1 + u) ** (2 * terms + 1)
            assert limit(1.0, terms, np.dtype(dtype)) < needed
            assert limit(1.0, terms, np.dtype(dtype)) > 1 - 20 * (terms + 8) * np.finfo(dtype).eps
    assert limit(np.inf, 35, np.dtype(np.float64)) == np.inf

"""The gradient's way back in time is what autograd says it is."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from bptt.runs.diagnostics_plot import gradient_flow
from bptt.training.diagnostics import SATURATED, Record, gradient_norms, measure, norms_by_lag
from reference import Parameters, backward
from torch_impl import convert

from ...strategies import Case, cases


def norms_by_autograd(case: Case) -> list[list[float]]:
    """Differentiate each step's loss by each state before it, one at a time."""
    Whx, Wha, Wya, bh, by = convert.from_reference(case.parameters)
    state, states, losses = torch.from_numpy(case.state).requires_grad_(), [], []
    for x, y in zip(case.inputs.tolist(), case.targets.tolist(), strict=True):
        state = torch.tanh(Wha @ state + Whx[:, [x]] + bh)
        states.append(state)
        losses.append(-torch.log_softmax(Wya @ state + by, dim=0)[y, 0])
    lengths: list[list[float]] = [[] for _ in losses]
    for t, loss in enumerate(losses):
        slopes = torch.autograd.grad(loss, states[: t + 1], retain_graph=True)
        for lag, slope in enumerate(reversed(slopes)):
            lengths[lag].append(float(torch.linalg.vector_norm(slope)))
    return lengths


@given(cases(max_size=7))
def test_norms_at_every_lag_are_those_of_autograd(case: Case) -> None:
    trace, expected = case.forward(), norms_by_autograd(case)
    norms = list(norms_by_lag(case.parameters, trace))
    scale = 1.0 + np.abs(case.parameters.Wha).sum() + np.abs(case.parameters.Wya).sum()
    for of_lag, exact in zip(norms, expected, strict=True):
        np.testing.assert_allclose(of_lag, exact, rtol=1e-9, atol=1e-12 * scale**2)
    means = [of_lag.mean() for of_lag in norms]
    assert gradient_norms(case.parameters, trace).tolist() == means


@settings(max_examples=50)
@given(cases(max_size=5, max_scale=5.0))
def test_shares_count_what_they_say(case: Case) -> None:
    record = measure(7, case.parameters, case.inputs, case.targets, case.state, case.clip)
    trace = case.forward()
    states = trace.states[1:].ravel()
    assert record.iteration == 7
    assert record.saturated_share == sum(abs(a) > SATURATED for a in states) / len(states)
    clipped, plain = (
        np.concatenate([value.ravel() for value in backward(case.parameters, trace, clip)])
        for clip in (case.clip, None)
    )
    assert record.clipped_share == sum(clipped != plain) / len(plain)


def test_spectral_radius_is_that_of_the_largest_eigenvalue() -> None:
    case = Case(2, 3, 2, 0, 1.0, None, "random", "zero")
    # a rotation scaled by 3, and an eigenvalue of -2
    case.parameters.Wha[:] = [[0.0, -3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, -2.0]]
    record = measure(1, case.parameters, case.inputs, case.targets, case.state, 5.0)
    assert record.spectral_radius == pytest.approx(3.0)
    assert record.clipped_share == 0.0


def test_a_torch_window_gives_the_same_record() -> None:
    case = Case(4, 5, 6, 0, 1.0, 0.1, "random", "random")
    ours = measure(1, case.parameters, case.inputs, case.targets, case.state, 0.1)
    theirs = measure(
        1,
        convert.from_reference(case.parameters),
        torch.from_numpy(case.inputs),
        torch.from_numpy(case.targets),
        torch.from_numpy(case.state),
        0.1,
    )
    assert ours == theirs
    assert ours.clipped_share > 0.0
    assert Record.model_validate_json(ours.model_dump_json()) == ours


def test_nothing_is_changed_by_looking() -> None:
    case = Case(4, 5, 6, 0, 1.0, 0.1, "random", "random")
    before = [value.copy() for value in (*case.parameters, case.state)]
    measure(1, case.parameters, case.inputs, case.targets, case.state, 0.1)
    for value, kept in zip((*case.parameters, case.state), before, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_windows_that_do_not_fit_are_refused() -> None:
    case = Case(4, 5, 6, 0, 1.0, 0.1, "random", "random")
    with pytest.raises(ValueError, match="inputs must lie in"):
        measure(1, case.parameters, [9], [0], case.state, 0.1)


@pytest.mark.parametrize(("count", "lags"), [(1, 4), (100, 1)])
def test_picture_of_any_number_of_records(count: int, lags: int) -> None:
    records = [
        Record(
            iteration=10 * i,
            norms=[10.0 ** -(200 * k) for k in range(lags)],
            saturated_share=0.5,
            spectral_radius=1.0,
            clipped_share=0.0,
        )
        for i in range(count)
    ]
    assert gradient_flow(records, "title").startswith(b"\x89PNG")


def test_no_records_make_no_picture() -> None:
    with pytest.raises(ValueError, match="at least one record"):
        gradient_flow([], "title")


def test_all_lags_vanish_where_the_state_has_no_way_back() -> None:
    case = Case(3, 4, 5, 0, 0.5, None, "random", "random")
    without = Parameters(
        case.parameters.Whx,
        np.zeros_like(case.parameters.Wha),
        case.parameters.Wya,
        case.parameters.bh,
        case.parameters.by,
    )
    record = measure(1, without, case.inputs, case.targets, case.state, None)
    assert record.norms[0] > 0.0
    assert record.norms[1:] == [0.0] * 4

"""The derived bound on rounding, compared with enclosures of the truth: no engine exceeds it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings, target
from hypothesis import strategies as st

import torch_impl
from bptt.verify.certify.balls import enclose
from bptt.verify.network import autograd
from bptt.verify.network.tolerances import FLOAT32, FLOAT64, Bounds, error_bounds
from reference import Gradients, Parameters, backward, forward
from reference.rnn import backward_window
from torch_impl import convert

from ....strategies import Case, cases

DTYPES = {"float64": (torch.float64, FLOAT64), "float32": (torch.float32, FLOAT32)}


def rounded(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).astype(np.float64)


def engines_gradients(
    case: Case, parameters: Parameters, state: np.ndarray, dtype: str, clip: float | None
) -> Iterator[tuple[str, Gradients]]:
    """Yield every engine's gradient in this dtype; nn.RNN and plain autograd know no clip."""
    kind, _ = DTYPES[dtype]
    if dtype == "float64":
        trace = forward(parameters, case.inputs, case.targets, state)
        yield "reference", backward(parameters, trace, clip)
    tensors = convert.from_reference(parameters, dtype=kind)
    window = (
        torch.from_numpy(case.inputs),
        torch.from_numpy(case.targets),
        torch.from_numpy(state).to(kind),
    )
    trace = torch_impl.forward(tensors, *window)
    yield "twin", convert.to_reference(torch_impl.backward(tensors, trace, clip))
    folded = autograd.clipped_gradient(tensors, *window, clip)
    yield "autograd's contributions, folded", convert.to_reference(folded)
    if clip is None:
        plain, _ = autograd.plain_gradient(tensors, *window)
        yield "autograd", convert.to_reference(plain)
        yield "nn.RNN", convert.to_reference(autograd.module_gradient(tensors, *window))


def used_fraction(distances: Gradients, allowed: Gradients) -> float:
    """Return the largest distance over its bound; infinite where the bound is 0 and it isn't."""
    fraction = 0.0
    for distance, bound in zip(distances, allowed, strict=True):
        off = distance > 0
        with np.errstate(divide="ignore"):
            fraction = max(fraction, float(np.max(distance[off] / bound[off], initial=0.0)))
    return fraction


def fractions_of_bound(case: Case, dtype: str) -> Iterator[tuple[str, float]]:
    """Yield each engine's rigorous error as a fraction of its bound, clipped and plain."""
    parameters = Parameters(*(rounded(value) for value in case.parameters))
    state = rounded(case.state)
    window = case.inputs, case.targets, state
    allowed = error_bounds(parameters, *window, DTYPES[dtype][1]).gradients
    for clip in {None, case.clip}:
        enclosure = enclose(parameters, *window, clip=clip)
        for name, computed in engines_gradients(case, parameters, state, dtype, clip):
            _, distances = enclosure.distances(computed)
            yield name, used_fraction(distances, allowed)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40)
@given(case=cases(max_size=8))
def test_no_engine_is_further_from_the_truth_than_the_bound(dtype: str, case: Case) -> None:
    fractions = list(fractions_of_bound(case, dtype))
    target(max(fraction for _, fraction in fractions), label="fraction of the bound")
    for name, fraction in fractions:
        assert fraction <= 1.0, name


@pytest.mark.campaign
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_engine_is_further_from_the_truth_in_a_campaign(dtype: str) -> None:
    """Thousands of cases up to 20 units; prints how much of the bound each engine has used."""
    rng = np.random.default_rng(0)
    used: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(1000):
        V, H, T = (int(size) for size in rng.integers(1, 21, 3))
        scale = float(rng.choice([1e-8, 0.01, 0.1, 0.3, 1.0, 5.0, 30.0]))
        case = Case(
            V, H, T, int(rng.integers(2**32)), scale,
            [5.0, 0.5, 1e-3, 0.0][rng.integers(4)],
            ["random", "one symbol", "all different"][rng.integers(3)],
            ["zero", "random", "saturated"][rng.integers(3)],
        )  # fmt: skip
        for name, fraction in fractions_of_bound(case, dtype):
            used[name].append(fraction)
    for name, fractions in used.items():
        print(
            f"{dtype} {name}: {len(fractions)} gradients, used of the bound: "
            f"median {np.median(fractions):.4f}, most {max(fractions):.3f}"
        )
    assert len(used) == (5 if dtype == "float64" else 4)
    assert max(max(fractions) for fractions in used.values()) <= 1.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bound_is_not_idle(dtype: str) -> None:
    """An engine that rounds as it must uses some of the bound in each case."""
    case = Case(4, 5, 3, 0, 0.3, None, "random", "random")
    fractions = [fraction for _, fraction in fractions_of_bound(case, dtype)]
    assert min(fractions) > 0.003


@pytest.mark.parametrize("lowest", [-690.0, -715.0, -730.0, -744.0])
def test_exponentials_that_have_lost_bits_are_allowed_for(lowest: float) -> None:
    """The reference's softmax has no shift: logits far below 0 leave it subnormal numbers."""
    case = Case(3, 2, 3, 0, 1.0, None, "all different", "zero")
    case.parameters.by[:] = lowest
    window = case.inputs, case.targets, case.state
    computed = backward(case.parameters, forward(case.parameters, *window), None)
    allowed = error_bounds(case.parameters, *window, FLOAT64).gradients
    _, distances = enclose(case.parameters, *window).distances(computed)
    assert used_fraction(distances, allowed) <= 1.0
    if lowest < -725.0:
        assert max(value.max() for value in distances) > 1e-9


@settings(max_examples=30)
@given(cases(max_size=6, max_scale=5.0), st.booleans())
def test_weights_that_are_rounded_first_are_allowed_for(case: Case, clipped: bool) -> None:
    clip = case.clip if clipped else None
    window = case.inputs, case.targets, case.state
    exact = enclose(case.parameters, *window, clip=clip)
    parameters, state = Parameters(*(rounded(v) for v in case.parameters)), rounded(case.state)
    allowed = error_bounds(case.parameters, *window, FLOAT32, rounded_first=True).gradients
    for name, computed in engines_gradients(case, parameters, state, "float32", clip):
        _, distances = exact.distances(computed)
        assert used_fraction(distances, allowed) <= 1.0, name


@given(cases(max_size=6))
def test_slope_in_the_initial_state_is_within_its_bound(case: Case) -> None:
    window = case.inputs, case.targets, case.state
    cotangent = np.random.default_rng(case.seed).standard_normal((case.H, 1))
    trace = forward(case.parameters, *window)
    gradients = case.parameters.zeros_like()
    slope = backward_window(case.parameters, gradients, trace, cotangent, None)
    bounds: Bounds = error_bounds(case.parameters, *window, FLOAT64, cotangent)
    enclosure = enclose(case.parameters, *window, final_cotangent=cotangent)
    _, distances = enclosure.distances(gradients)
    assert used_fraction(distances, bounds.gradients) <= 1.0
    for i, ball in enumerate(enclosure.initial_state.entries()):
        assert float((ball - slope[i, 0].item()).abs_upper()) <= bounds.initial_state[i, 0]


def test_every_parameter_has_bounds_of_its_shape() -> None:
    case = Case(3, 2, 2, 0, 1.0, None, "random", "zero")
    bounds = error_bounds(case.parameters, case.inputs, case.targets, case.state, FLOAT64)
    for field in fields(Parameters):
        shape = getattr(case.parameters, field.name).shape
        assert getattr(bounds.gradients, field.name).shape == shape

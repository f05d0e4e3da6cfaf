"""Bits per character of a text: the reference's own loss, whatever the text and the weights."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.training import evaluation
from bptt.training.evaluation import evaluate, evaluate_windows
from reference import Parameters, forward, forward_step, softmax


def network(V: int, H: int, scale: float, seed: int) -> tuple[Parameters, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    weights = Parameters(*(scale * rng.standard_normal(shape) for shape in shapes))
    return weights, np.tanh(rng.standard_normal((H, 1)))


networks = st.builds(
    network,
    V=st.integers(1, 6),
    H=st.integers(1, 6),
    scale=st.sampled_from([1e-3, 0.5, 3.0]),
    seed=st.integers(0, 2**32 - 1),
)


def by_hand(parameters: Parameters, indices: np.ndarray, state: np.ndarray) -> list[float]:
    """The losses in nats of the characters that are seen, with the reference's own step."""
    V, losses = len(parameters.by), []
    for x, y in itertools.pairwise(indices):
        column = parameters.Whx[:, x : x + 1] if x < V else np.zeros_like(parameters.bh)
        state, z = forward_step(parameters, column, state)
        if y < V:
            losses.append(-math.log(softmax(z)[y, 0]))
    return losses


@pytest.mark.parametrize("engine", ["numpy", "fast"])
@settings(max_examples=60)
@given(network=networks, length=st.integers(2, 40), seed=st.integers(0, 99), own=st.booleans())
def test_bits_are_the_reference_loss_of_the_text_as_one_window(
    engine, network, length, seed, own
) -> None:
    parameters, state = network
    indices = np.random.default_rng(seed).integers(0, len(parameters.by), length, np.uint8)
    start = state if own else np.zeros_like(state)
    window = indices.astype(np.int64)
    trace = forward(parameters, window[:-1], window[1:], start)
    found = evaluate(parameters, indices, state if own else None, engine=engine)
    bits = float(trace.loss) / math.log(2) / (length - 1)
    assert found.bits_per_character == pytest.approx(bits, rel=1e-11, abs=1e-14)
    assert (found.scored, found.unseen) == (length - 1, 0)


@pytest.mark.parametrize("engine", ["numpy", "fast"])
@settings(max_examples=60)
@given(network=networks, length=st.integers(2, 40), seed=st.integers(0, 99))
def test_unseen_characters_are_counted_not_scored_and_read_as_no_input(
    engine: str, network, length: int, seed: int
) -> None:
    parameters, state = network
    V = len(parameters.by)
    indices = np.random.default_rng(seed).integers(0, V + 1, length, np.uint8)
    losses = by_hand(parameters, indices.astype(int), state)
    if not losses:
        with pytest.raises(ValueError, match="nothing to score"):
            evaluate(parameters, indices, state, engine=engine)
        return
    found = evaluate(parameters, indices, state, engine=engine)
    assert found.scored == len(losses)
    assert found.unseen == np.count_nonzero(indices == V)
    bits = math.fsum(losses) / len(losses) / math.log(2)
    assert found.bits_per_character == pytest.approx(bits, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("engine", ["numpy", "fast"])
@settings(max_examples=40)
@given(
    network=networks,
    length=st.integers(0, 60),
    window=st.sampled_from([1, 2, 3, 7, 20]),
    side_by_side=st.sampled_from([1, 2, 1024]),
    seed=st.integers(0, 99),
)
def test_windows_are_scored_one_by_one_from_the_initial_state(
    engine: str, network, length: int, window: int, side_by_side: int, seed: int
) -> None:
    parameters, state = network
    V = len(parameters.by)
    indices = np.random.default_rng(seed).integers(0, V + 1, length, np.uint8)
    places = range(0, (length - 1) // window * window, window) if length else range(0)
    losses = [
        loss
        for start in places
        for loss in by_hand(parameters, indices[start : start + window + 1].astype(int), state)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "SIDE_BY_SIDE", side_by_side)
        if not losses:
            with pytest.raises(ValueError, match=r"need a text of at least|nothing to score"):
                evaluate_windows(parameters, indices, state, window=window, engine=engine)
            return
        found = evaluate_windows(parameters, indices, state, window=window, engine=engine)
    assert found.scored == len(losses)
    nats = math.fsum(losses) / len(losses)
    assert found.nats_per_character == pytest.approx(nats, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("engine", ["numpy", "fast"])
@pytest.mark.parametrize("window", [599, 1200])
def test_windows_longer_than_a_stretch_carry_their_state(engine: str, window: int) -> None:
    parameters, state = network(4, 5, 1.0, 3)
    indices = np.random.default_rng(1).integers(0, 4, 2 * window + 9, np.uint8)
    halves = [indices[start : start + window + 1] for start in (0, window)]
    apart = [evaluate(parameters, half, state).bits_per_character for half in halves]
    found = evaluate_windows(parameters, indices, state, window=window, engine=engine)
    assert found.bits_per_character == pytest.approx(sum(apart) / 2, rel=1e-11)


@settings(max_examples=30)
@given(network=networks, length=st.integers(2, 50), stretch=st.integers(1, 60), seed=st.integers())
def test_result_does_not_hang_on_the_stretch(network, length, stretch, seed) -> None:
    parameters, state = network
    indices = np.random.default_rng(abs(seed)).integers(0, len(parameters.by), length)
    whole = evaluate(parameters, indices, state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "STRETCH", stretch)
        found = evaluate(parameters, indices, state)
    assert found.scored == whole.scored
    assert found.bits_per_character == pytest.approx(whole.bits_per_character, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("engine", ["numpy", "fast"])
@settings(max_examples=30)
@given(network=networks, seed=st.integers(0, 99))
def test_float32_reads_in_float32(engine: str, network, seed: int) -> None:
    parameters, _ = network
    indices = np.random.default_rng(seed).integers(0, len(parameters.by), 12, np.uint8)
    small = [value.astype(np.float32) for value in parameters]
    exact = evaluate([value.astype(np.float64) for value in small], indices)
    assert evaluate(small, indices, engine=engine).bits_per_character == pytest.approx(
        exact.bits_per_character, rel=2e-3, abs=1e-5
    )


@pytest.mark.parametrize("engine", ["numpy", "fast"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_logits_beyond_the_softmax_of_the_reference_are_scored(engine: str, dtype) -> None:
    parameters, _ = network(3, 2, 1.0, 1)
    parameters.by[:, 0] = [1e4, -1e4, 0.0]
    values = [value.astype(dtype) for value in parameters]
    found = evaluate(values, np.array([0, 1, 1], np.uint8), engine=engine)
    assert found.bits_per_character == pytest.approx(2e4 / math.log(2), rel=1e-3)


@pytest.mark.parametrize("engine", ["numpy", "fast"])
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308])
def test_weights_out_of_the_numbers_are_an_error_or_a_finite_loss(
    engine: str, place: int, value
) -> None:
    parameters, state = network(3, 4, 1.0, 1)
    list(parameters)[place][:] = value
    try:
        found = evaluate(parameters, np.arange(9) % 3, state, engine=engine)
    except FloatingPointError:
        return
    assert np.isfinite(found.bits_per_character)
    assert not np.isnan(value)


def test_one_symbol_costs_nothing() -> None:
    parameters, _ = network(1, 1, 1.0, 1)
    assert evaluate(parameters, np.zeros(9, np.uint8)).bits_per_character == 0.0


@pytest.mark.parametrize("indices", [[], [0], [0, 3], [3, 3, 3]])
def test_text_in_which_nothing_can_be_scored_is_an_error(indices: list[int]) -> None:
    parameters, _ = network(3, 2, 1.0, 1)
    with pytest.raises(ValueError, match="nothing to score"):
        evaluate(parameters, np.array(indices, np.uint8))


def test_reading_leaves_weights_and_state_alone() -> None:
    parameters, state = network(3, 2, 1.0, 1)
    before, first = parameters.copy(), state.copy()
    evaluate(parameters, np.arange(9) % 3, state)
    assert all(np.array_equal(a, b) for a, b in zip(parameters, before, strict=True))
    assert np.array_equal(state, first)

"""Windows of several blocks of time steps, whose gradients the fast engine sums block by block."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import reference
from bptt.verify.network.tolerances import FLOAT32, lanes_error_bounds, largest_fraction_of_bound
from reference import Gradients
from torch_impl import fast
from torch_impl.fast import layout

from ...engines import ENGINES, Engine, arrays
from ...lockstep import assert_close
from ...strategies import Case, lanes

KERNELS = [engine for engine in ENGINES if engine.name.startswith("fast")]
every_dtype = pytest.mark.parametrize("engine", KERNELS, ids=str)
LENGTHS = st.sampled_from([16, 17, 31, 32, 33, 48, 50])


@pytest.fixture(autouse=True, scope="module")
def short_blocks() -> Iterator[None]:
    """Make blocks as short as possible: one float32 vector of the widest processor."""
    assert layout.steps_of_block(1, torch.float32) == layout.steps_of_block(1, torch.float64) == 64
    assert [layout.steps_of_block(n, torch.float32) for n in (4, 16, 64, 256)] == [16, 4, 1, 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "TERMS", 16)
        yield


def longer(cases: list[Case], T: int) -> list[Case]:
    return [
        Case(c.V, c.H, T, c.seed, c.scale, c.clip, c.input_pattern, c.state_pattern).with_numbers(
            cases[0].parameters,
            np.resize(c.inputs, T),
            np.roll(np.resize(c.targets, T), lane),
            c.state,
        )
        for lane, c in enumerate(cases)
    ]


@every_dtype
@settings(max_examples=30)
@given(cases=lanes(max_lanes=3, max_size=5), T=LENGTHS)
def test_blocks_give_the_reference_s_fold(engine: Engine, cases: list[Case], T: int) -> None:
    cases = [engine.prepare(case) for case in longer(cases, T)]
    assume(not cases[0].softmax_overflows)
    traces = [case.forward() for case in cases]
    allowed = lanes_error_bounds(
        cases[0].parameters, [arrays(case)[1:] for case in cases], engine.precision
    )
    allowed = Gradients(*(2.0 * bound for bound in allowed))
    for clip in (cases[0].clip, None):
        expected = reference.backward_lanes(cases[0].parameters, traces, clip)
        fractions = largest_fraction_of_bound(engine.compute_lanes(cases, clip), expected, allowed)
        assert all(fraction <= 1.0 for fraction in fractions.values()), (clip, fractions)


@every_dtype
@settings(max_examples=30)
@given(cases=lanes(max_lanes=3, max_size=5), T=LENGTHS, share=st.floats(0.05, 1.2))
def test_clip_at_any_share_of_the_largest_sum(
    engine: Engine, cases: list[Case], T: int, share: float
) -> None:
    # First-order error bounds say nothing where states saturate: compare with the other dtype.
    cases = [engine.prepare(case) for case in longer(cases, T)]
    assume(cases[0].scale <= 1.0)
    plain = reference.backward_lanes(cases[0].parameters, [c.forward() for c in cases], None)
    clip = share * max(float(np.abs(value).max()) for value in plain)
    expected = reference.backward_lanes(cases[0].parameters, [c.forward() for c in cases], clip)
    relative = 1e-11 if engine.name.endswith("64") else 1e-3
    assert_close(
        got=engine.compute_lanes(cases, clip), expected=expected, relative=relative,
        rounding=[1e-14 * T if engine.name.endswith("64") else 1e-5 * T] * 5,
    )  # fmt: skip


@every_dtype
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), T=st.integers(1, 6), share=st.floats(0.05, 1.2))
def test_many_lanes_make_blocks_of_one_step(
    engine: Engine, seed: int, T: int, share: float
) -> None:
    first = engine.prepare(Case(4, 5, T, seed, 0.5, None, "random", "random"))
    lanes = [first]
    for lane in range(1, 16):
        own = engine.prepare(Case(4, 5, T, seed + lane, 0.5, None, "random", "random"))
        lanes.append(own.with_numbers(first.parameters, own.inputs, own.targets, own.state))
    traces = [case.forward() for case in lanes]
    plain = reference.backward_lanes(first.parameters, traces, None)
    clip = share * max(float(np.abs(value).max()) for value in plain)
    expected = reference.backward_lanes(first.parameters, traces, clip)
    relative = 1e-12 if engine.name.endswith("64") else 1e-4
    assert_close(got=engine.compute_lanes(lanes, clip), expected=expected, relative=relative)


@every_dtype
def test_each_block_has_a_reach_of_its_own(engine: Engine) -> None:
    # States of 1 and probabilities of 0.9 and 0.1: a step moves the sums by ±0.1 in the first
    # block and by ±0.9 in the other two, back there. After 14.4 and 25 it must come to 23.4.
    drawn = Case(2, 3, 48, 0, 1.0, 25.0, "one symbol", "saturated")
    weights = drawn.parameters.zeros_like()
    weights.bh[:, 0] = 40.0
    weights.by[:, 0] = np.log(0.9), np.log(0.1)
    targets = np.repeat([0, 1, 1], 16)
    case = drawn.with_numbers(weights, drawn.inputs, targets, np.ones((3, 1)))
    gradients = engine.compute_lanes([engine.prepare(case)], 25.0)
    expected = np.array([[23.4] * 3, [-23.4] * 3])
    assert gradients.Wya == pytest.approx(expected, rel=1e-5)
    assert gradients.by == pytest.approx(expected[:, :1], rel=1e-5)
    assert reference.backward(case.parameters, case.forward(), 25.0).Wya == pytest.approx(expected)


def test_training_over_long_windows_in_lockstep_with_the_reference() -> None:
    text = "a quick brown fox jumps over the lazy dog and runs. " * 8
    vocabulary = reference.Vocabulary.from_text(text)
    settings = reference.Hyperparameters(
        hidden_size=20, seq_length=50, iterations=30, sample_every=100
    )
    indices = vocabulary.encode(text)
    right = reference.Training(indices, settings, vocabulary=vocabulary, clip=0.7)
    ours = fast.Training(indices, settings, vocabulary=vocabulary, clip=0.7)
    for _ in range(30):
        ours.parameters, ours.accumulators = right.parameters, right.accumulators
        ours.hidden_state, ours.position = right.hidden_state, right.position
        assert ours.step().loss == pytest.approx(right.step().loss, rel=1e-13)
        assert_close(got=ours.parameters, expected=right.parameters, relative=1e-12)
        assert_close(got=ours.accumulators, expected=right.accumulators, relative=1e-11)


@every_dtype
@pytest.mark.parametrize("clip", [None, 0.2])
@pytest.mark.parametrize("count", [1, 2])
def test_sizes_beyond_the_widest_vector_give_the_reference_s_fold(engine, count, clip) -> None:
    first = Case(40, 37, 20, 1, 0.3, clip, "random", "random")
    cases = [engine.prepare(case) for case in longer([first] * count, 20)]
    expected = reference.backward_lanes(cases[0].parameters, [c.forward() for c in cases], clip)
    unit = 1e-4 if engine.precision is FLOAT32 else 1e-12
    got = engine.compute_lanes(cases, clip)
    for value, right in zip(got, expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=unit, atol=unit)

"""Windows side by side: a step's contributions are summed over the lanes, then clipped once.

The tests of gradients run on every engine: the reference, and the others in both dtypes.
"""

from dataclasses import fields

import numpy as np
import pytest
import torch
from flint import arb, ctx
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import reference
import torch_impl
from bptt.verify.certify.balls import enclose_contributions
from bptt.verify.network import autograd
from bptt.verify.network.tolerances import FLOAT64, lanes_error_bounds, largest_fraction_of_bound
from reference import Gradients, Hyperparameters, Vocabulary
from torch_impl import convert, fast
from torch_impl.fast.network import Network

from ....engines import Engine, arrays, every_engine, tensors
from ....lockstep import assert_close
from ....strategies import Case, lanes

TEXT = "the quick brown fox jumps over the lazy dog, and back again; then he sleeps. " * 9
VOCABULARY = Vocabulary.from_text(TEXT)
SMALL = Hyperparameters(hidden_size=9, seq_length=7, iterations=20, sample_every=5)
TRAININGS = [reference.Training, torch_impl.Training, fast.Training]
every_training = pytest.mark.parametrize("training", TRAININGS, ids=lambda one: one.__module__)


def draw(engine: Engine, cases: list[Case]) -> list[Case]:
    cases = [engine.prepare(case) for case in cases]
    assume(not cases[0].softmax_overflows)
    return cases


def bounds(engine: Engine, cases: list[Case]) -> Gradients:
    return lanes_error_bounds(
        cases[0].parameters, [arrays(case)[1:] for case in cases], engine.precision
    )


def assert_within(allowed: Gradients, computed: Gradients, expected: Gradients) -> None:
    __tracebackhide__ = True
    fractions = largest_fraction_of_bound(computed, expected, allowed)
    wrong = {name: fraction for name, fraction in fractions.items() if not fraction <= 1.0}
    assert not wrong, f"difference in multiples of the allowed: {wrong}"


@every_engine
@given(cases=lanes())
def test_lanes_equal_the_fold_of_autograds_steps_summed_over_the_lanes(
    engine: Engine, cases: list[Case]
) -> None:
    cases = draw(engine, cases)
    windows = [tensors(case)[1:] for case in cases]
    exact = lanes_error_bounds(cases[0].parameters, [arrays(c)[1:] for c in cases], FLOAT64)
    allowed = Gradients(*(a + b for a, b in zip(bounds(engine, cases), exact, strict=True)))
    for clip in (cases[0].clip, None):
        expected = autograd.clipped_lanes_gradient(tensors(cases[0])[0], windows, clip)
        computed = engine.compute_lanes(cases, clip)
        assert_within(allowed, computed, convert.to_reference(expected))


@every_engine
@settings(max_examples=30)
@given(cases=lanes(max_size=4))
def test_no_engine_is_further_from_the_truth_than_the_lanes_bound(
    engine: Engine, cases: list[Case]
) -> None:
    cases = draw(engine, cases)
    allowed, clip = bounds(engine, cases), cases[0].clip
    computed = engine.compute_lanes(cases, clip)
    by_lane = [enclose_contributions(*arrays(case)) for case in cases]
    for field in fields(Gradients):
        ours, most = getattr(computed, field.name), getattr(allowed, field.name)
        for i, j in np.ndindex(ours.shape):
            # At flint's own 53 bits, the sum of the enclosures would round as the engine does.
            with ctx.workprec(400):
                total = arb(0)
                for t in reversed(range(cases[0].T)):
                    total += sum((lane[t][field.name][i, j] for lane in by_lane), arb(0))
                    if clip is not None:
                        total = total.min(arb(clip)).max(arb(-clip))
                distance = float((total - arb(float(ours[i, j]))).abs_upper())
            assert distance <= most[i, j], (field.name, i, j)


@every_engine
@given(cases=lanes(), count=st.integers(1, 4))
def test_equal_windows_give_as_many_times_the_plain_gradient(
    engine: Engine, cases: list[Case], count: int
) -> None:
    cases = draw(engine, cases)
    equal = [cases[-1]] * count
    one = engine.compute_lanes(equal[:1], None)
    expected = Gradients(*(count * value for value in one))
    allowed = Gradients(*(2 * bound for bound in bounds(engine, equal)))
    assert_within(allowed, engine.compute_lanes(equal, None), expected)


@every_engine
@given(cases=lanes(), data=st.data())
def test_order_of_the_lanes_changes_rounding_only(
    engine: Engine, cases: list[Case], data: st.DataObject
) -> None:
    cases = draw(engine, cases)
    moved = data.draw(st.permutations(cases))
    allowed = Gradients(*(2 * bound for bound in bounds(engine, cases)))
    clip = cases[0].clip
    assert_within(allowed, engine.compute_lanes(moved, clip), engine.compute_lanes(cases, clip))


@every_engine
def test_no_sum_is_clipped_between_the_lanes(engine: Engine) -> None:
    # By hand: the state is 0 and the probabilities are halves, so with Wya = (1, -1) a target of 0
    # gives dh = -1 and one of 1 gives dh = 1. They cancel; a clip in between would leave 0.4.
    drawn = Case(2, 1, 1, 0, 1.0, 0.6, "one symbol", "zero")
    weights = drawn.parameters.zeros_like()
    weights.Wya[:, 0] = 1.0, -1.0
    first, second = (
        drawn.with_numbers(weights, np.array([0]), np.array([y]), np.zeros((1, 1))) for y in (0, 1)
    )
    for lanes_of_one_step in ([first, second], [second, first]):
        assert not any(value.any() for value in engine.compute_lanes(lanes_of_one_step, 0.6))
    twice = engine.compute_lanes([second, second], 0.6)
    assert (twice.bh[0, 0], twice.Whx[0, 0]) == pytest.approx((0.6, 0.6))


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64], ids=["fast-float32", "fast-float64"]
)
@given(cases=lanes())
def test_what_was_computed_before_leaves_no_trace(dtype: torch.dtype, cases: list[Case]) -> None:
    clip = np.inf if cases[0].clip is None else cases[0].clip
    x, y = (np.stack([getattr(c, name) for c in cases], 1) for name in ("inputs", "targets"))
    state = np.hstack([case.state for case in cases])
    fresh, used = (
        Network(cases[0].parameters, vocab_size=cases[0].V, hidden_size=cases[0].H,
                seq_length=cases[0].T, lanes=len(cases), dtype=dtype)
        for _ in range(2)
    )  # fmt: skip
    used.differentiate(y, x, -state, clip)
    losses = [network.differentiate(x, y, state, clip) for network in (fresh, used)]
    assert np.array_equal(*losses, equal_nan=True)
    for ours, theirs in zip(fresh.gradients, used.gradients, strict=True):
        assert torch.equal(ours.nan_to_num(), theirs.nan_to_num())


@pytest.mark.parametrize("backward_lanes", [reference.backward_lanes, torch_impl.backward_lanes])
def test_clip_acts_on_the_sum_over_the_lanes_and_once_a_step(backward_lanes) -> None:
    # By hand: with V = 2 and zero weights a step gives dby = p - onehot(y), so ±0.5 a lane. Two
    # lanes cancel in the last step and add up to 1 in the first; a clip in between would leave
    # another number: at 0.3, clip(clip(0.5) - 0.5) = -0.2.
    in_torch = backward_lanes is torch_impl.backward_lanes
    module, wrap = (torch_impl, torch.from_numpy) if in_torch else (reference, np.asarray)
    parameters = module.initialize_parameters(vocab_size=2, hidden_size=1).zeros_like()
    traces = [
        module.forward(parameters, wrap(np.array([0, 0])), wrap(targets), wrap(np.zeros((1, 1))))
        for targets in (np.array([1, 0]), np.array([1, 1]))
    ]
    assert float(backward_lanes(parameters, traces[:1], 0.3).by[0, 0]) == pytest.approx(0.2)
    assert float(backward_lanes(parameters, traces, 5.0).by[0, 0]) == 1.0
    assert float(backward_lanes(parameters, traces, 0.3).by[0, 0]) == 0.3
    last = [module.forward(parameters, wrap(np.array([0])), wrap(np.array([y])),
                           wrap(np.zeros((1, 1)))) for y in (1, 0)]  # fmt: skip
    assert float(backward_lanes(parameters, last, 0.3).by[0, 0]) == 0.0


def test_lanes_of_different_lengths_or_none_are_an_error() -> None:
    case = Case(3, 2, 4, 0, 1.0, None, "random", "zero")
    short = reference.forward(case.parameters, case.inputs[:2], case.targets[:2], case.state)
    for traces, lengths in (([], r"\[\]"), ([case.forward(), short], r"\[4, 2\]")):
        with pytest.raises(ValueError, match=f"of one length, got lengths {lengths}"):
            reference.backward_lanes(case.parameters, traces)


@pytest.mark.parametrize("clip", [5.0, 0.05, None])
@pytest.mark.parametrize("training", TRAININGS[1:], ids=lambda one: one.__module__)
def test_three_lanes_in_lockstep_with_the_reference(training, clip: float | None) -> None:
    text = VOCABULARY.encode(TEXT)
    right = reference.Training(text, SMALL, vocabulary=VOCABULARY, clip=clip, lanes=3)
    ours = training(text, SMALL, vocabulary=VOCABULARY, clip=clip, lanes=3)
    rewound = 0
    for _ in range(80):
        for name in ("parameters", "accumulators"):
            standing = getattr(right, name)
            setattr(ours, name, convert.from_reference(standing))
        ours.hidden_state = torch.from_numpy(right.hidden_state.copy())
        ours.position, ours.smooth_loss = right.position, right.smooth_loss
        rewound += right.position + 7 + 1 > len(TEXT) // 3
        expected, got = right.step(), ours.step()
        assert got.loss == pytest.approx(expected.loss, rel=1e-13)
        assert (got.smooth_loss, got.iteration) == (expected.smooth_loss, expected.iteration)
        assert ours.position == right.position
        np.testing.assert_allclose(ours.hidden_state, right.hidden_state, rtol=0, atol=1e-12)
        assert_close(got=ours.parameters, expected=right.parameters, relative=1e-12)
        assert_close(got=ours.accumulators, expected=right.accumulators, relative=1e-11)
    assert rewound >= 2


@every_training
def test_each_lane_reads_its_own_section_and_what_does_not_divide_is_dropped(training) -> None:
    text, B, T = VOCABULARY.encode(TEXT)[:-2], 4, 7
    section = len(text) // B
    assert len(text) % B
    ours = training(text, SMALL, vocabulary=VOCABULARY, lanes=B)
    parameters = reference.initialize_parameters(vocab_size=len(VOCABULARY), hidden_size=9)
    traces = [
        reference.forward(
            parameters,
            text[b * section : b * section + T],
            text[b * section + 1 : b * section + T + 1],
            np.zeros((9, 1)),
        )
        for b in range(B)
    ]
    step = ours.step()
    assert step.loss == pytest.approx(sum(trace.loss for trace in traces), rel=1e-13)
    assert step.smooth_loss == pytest.approx(B * T * np.log(len(VOCABULARY)), rel=1e-14)
    assert step.sample is not None
    assert step.sample[0] == TEXT[T - 1]
    states = np.hstack([trace.final_state for trace in traces])
    np.testing.assert_allclose(ours.hidden_state, states, rtol=0, atol=1e-14)
    windows = (section - 1) // T
    for _ in range(windows - 1):
        ours.step()
    assert ours.position == windows * T
    ours.step()
    assert ours.position == T


@every_training
def test_lanes_go_on_bit_for_bit_from_their_attributes(training) -> None:
    def start(seed: int):
        text = VOCABULARY.encode(TEXT)
        return training(text, SMALL, vocabulary=VOCABULARY, lanes=3, seed=seed)

    whole, first, second = start(1), start(1), start(2)
    steps = [whole.step() for _ in range(15)]
    for _ in range(6):
        first.step()
    for name in ("parameters", "accumulators", "hidden_state", "position", "iteration"):
        setattr(second, name, getattr(first, name))
    second.smooth_loss = first.smooth_loss
    assert [second.step() for _ in range(9)] == steps[6:]


@pytest.mark.parametrize("train", [reference.train, torch_impl.train])
def test_train_takes_lanes(train) -> None:
    run = train(TEXT, SMALL, lanes=2)
    training = reference.Training(VOCABULARY.encode(TEXT), SMALL, vocabulary=VOCABULARY, lanes=2)
    np.testing.assert_allclose(run.losses[:3], [training.step().loss for _ in range(3)])


@every_training
@pytest.mark.parametrize(
    ("lanes", "said"),
    [(0, "lanes must be at least 1, got 0"), (90, "at least 8 characters for each of 90 lanes")],
)
def test_lanes_that_do_not_fit_the_text_are_an_error(training, lanes: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        training(VOCABULARY.encode(TEXT), SMALL, vocabulary=VOCABULARY, lanes=lanes)

"""The enclosures hold the truth: mpmath's value, computed by differences, lies in every ball."""

import sys
import time
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from hypothesis import event, given, settings

from bptt.errors import InputError
from bptt.verify.certify import ball_clip, balls
from bptt.verify.certify.balls import enclose, enclose_contributions
from bptt.verify.certify.enclosure import Enclosure, to_balls
from reference import Parameters, backward, forward

from ....strategies import Case, cases
from . import mp_network

NAMES = [field.name for field in fields(Parameters)]
RADIUS = 1e-20


def enclose_case(case: Case, clip: float | None, radius: float = RADIUS) -> Enclosure:
    return enclose(case.parameters, case.inputs, case.targets, case.state, clip=clip, radius=radius)


def assert_holds(enclosure: Enclosure, truth: dict[str, np.ndarray]) -> None:
    assert enclosure.radius <= RADIUS
    for name in NAMES:
        for place, value in np.ndenumerate(truth[name]):
            ball = enclosure.gradients[name][place]
            assert ball.overlaps(mp_network.to_ball(value)), (name, place, ball, value)


@settings(max_examples=40)
@given(cases(max_size=3))
def test_enclosures_hold_the_value_that_mpmath_finds_at_twice_the_precision(case: Case) -> None:
    contributions = mp_network.contributions(case.parameters, case.inputs, case.targets, case.state)
    with ctx.workprec(2000):
        assert_holds(enclose_case(case, None), mp_network.fold(contributions, None))
        clipped = enclose_case(case, case.clip)
        assert_holds(clipped, mp_network.fold(contributions, case.clip))
        by_step = enclose_contributions(case.parameters, case.inputs, case.targets, case.state)
        for contribution, enclosed in zip(contributions, by_step, strict=True):
            for name in NAMES:
                for place, value in np.ndenumerate(contribution[name]):
                    assert enclosed[name][place].overlaps(mp_network.to_ball(value))
    event(f"clip acted: {any(mask.any() for mask in clipped.clipped.values())}")
    event(f"saturated: {bool((np.abs(case.forward().states[1:]) > 0.999).any())}")


def test_a_single_symbol_gives_exactly_nothing() -> None:
    case = Case(1, 1, 1, 0, 1.0, None, "random", "random")
    enclosure = enclose_case(case, None)
    assert enclosure.radius == 0.0
    assert all((value == 0.0).all() for value in enclosure.midpoints())
    assert enclosure.loss.contains(0)


@given(cases(max_size=4, max_scale=1.0))
def test_radius_shrinks_with_what_is_asked_for(case: Case) -> None:
    wide, narrow = (enclose_case(case, None, radius) for radius in (1e-10, 1e-200))
    assert narrow.radius <= 1e-200
    assert narrow.bits > wide.bits
    with ctx.workprec(narrow.bits):
        for name in NAMES:
            for ball, inner in zip(
                wide.gradients[name].entries(), narrow.gradients[name].entries(), strict=True
            ):
                assert ball.overlaps(inner)
                assert inner.rad() <= ball.rad() * arb(2) ** -100


@settings(max_examples=100)
@given(cases(max_size=6))
def test_decisions_in_floating_point_are_those_of_a_fold_of_balls(case: Case) -> None:
    clip = 0.5 if case.clip is None else case.clip
    enclosure = enclose_case(case, clip)
    by_step = enclose_contributions(
        case.parameters, case.inputs, case.targets, case.state, bits=2 * enclosure.bits
    )
    bound = arb(clip)
    with ctx.workprec(2 * enclosure.bits):
        for name in NAMES:
            for place in np.ndindex(enclosure.undecidable[name].shape):
                total, clipped = arb(0), False
                for contribution in reversed(by_step):
                    total += contribution[name][place]
                    clipped |= total > bound or -total > bound
                    total = total.min(bound).max(-bound)
                assert enclosure.gradients[name][place].overlaps(total)
                # Rounding may hide an overstep smaller than the last bit of the clip, no other.
                assert enclosure.clipped[name][place] >= clipped
    event(f"clip acted: {any(mask.any() for mask in enclosure.clipped.values())}")


def test_few_entries_are_folded_in_balls(monkeypatch: pytest.MonkeyPatch) -> None:
    folded = 0
    fold_entry = ball_clip.fold_entry

    def count(*arguments: object) -> tuple[arb, bool, bool]:
        nonlocal folded
        folded += 1
        return fold_entry(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(ball_clip, "fold_entry", count)
    case = Case(8, 12, 9, 0, 1.0, 0.3, "random", "random")
    enclosure = enclose_case(case, 0.3)
    assert sum(int(mask.sum()) for mask in enclosure.clipped.values()) > 50
    assert folded <= 20  # those that a tiny contribution took off the clip by less than a last bit


def uniform_case(clip: float, radius: float = RADIUS) -> Enclosure:
    """Three equal logits, thrice: what by's entry 1 adds up to is 1 exactly, from inexact 1/3."""
    rng = np.random.default_rng(0)
    parameters = Parameters(
        Whx=rng.standard_normal((2, 3)),
        Wha=rng.standard_normal((2, 2)),
        Wya=np.zeros((3, 2)),
        bh=np.zeros((2, 1)),
        by=np.full((3, 1), 0.1),
    )
    inputs, targets = np.array([0, 1, 2]), np.array([0, 2, 2])
    state = np.zeros((2, 1))
    return enclose(parameters, inputs, targets, state, clip=clip, radius=radius)


def test_an_entry_exactly_on_the_clip_is_undecidable_and_enclosed_all_the_same() -> None:
    enclosure = uniform_case(1.0)
    undecidable = {name: mask.ravel().tolist() for name, mask in enclosure.undecidable.items()}
    assert undecidable["by"] == [False, True, False]
    assert enclosure.any_undecidable
    assert enclosure.gradients["by"][1, 0].contains(1)
    assert enclosure.radius <= RADIUS
    assert not any(undecidable["bh"])


@pytest.mark.parametrize(("clip", "acts"), [(1.0 - 1e-15, True), (1.0 + 1e-15, False)])
def test_a_clip_next_to_the_entry_is_decided(clip: float, acts: bool) -> None:
    enclosure = uniform_case(clip)
    assert not enclosure.any_undecidable
    assert enclosure.clipped["by"][1, 0] == acts


def test_overstepping_by_less_than_the_last_bit_is_decided() -> None:
    """On the clip already, a contribution of 1e-60 clips again, and one of -1e-60 does not."""
    left = to_balls(np.array([[1e-60, 7.0], [-1e-60, 7.0]]))
    right = to_balls(np.array([[1.0, 1.0]]))
    with ctx.workprec(64):
        folded = ball_clip.fold(left, right, 5.0)
        for row in range(2):
            assert ball_clip.fold_entry(left, right, row, 0, 5.0)[1:] == (True, False)
    assert not folded.undecidable.any()
    decisions = ball_clip.decide(left, right, 5.0)
    assert decisions.proved.all()
    assert decisions.last.ravel().tolist() == [0, 1]


def test_distances_are_those_to_the_truth() -> None:
    case = Case(3, 3, 3, 1, 0.3, None, "random", "random")
    enclosure = enclose_case(case, None)
    computed = enclosure.midpoints()
    computed.Wha[0, 1] += 2.0**-30
    computed.Wha[1, 0] = np.nan
    lower, upper = enclosure.distances(computed)
    assert 2.0**-30 * (1 - 1e-6) < lower.Wha[0, 1] <= upper.Wha[0, 1] < 2.0**-30 * (1 + 1e-6)
    assert upper.Wha[1, 0] == np.inf
    assert upper.Whx.max() < 1e-15


@given(cases(max_size=4, max_scale=1.0))
def test_slope_in_the_initial_state_is_that_of_what_came_before(case: Case) -> None:
    """A window split in two, the second's slope handed to the first, gives the whole one's."""
    if case.T < 2:
        return
    cut = case.T // 2
    states = case.forward().states
    later = enclose(case.parameters, case.inputs[cut:], case.targets[cut:], states[cut])
    slope = np.array([[float(value)] for value in later.initial_state.entries()])
    earlier = enclose(
        case.parameters, case.inputs[:cut], case.targets[:cut], case.state, final_cotangent=slope
    )
    whole = enclose_case(case, None)
    for one, two in zip(
        whole.initial_state.entries(), earlier.initial_state.entries(), strict=True
    ):
        assert abs(float(one - two)) <= 1e-11 * (1.0 + abs(float(one)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clip": -1.0}, "clip must be None or a finite number of at least 0, got -1.0"),
        ({"clip": np.nan}, "clip must be None or a finite number"),
        ({"radius": 0.0}, "radius must be positive, got 0.0"),
        ({"radius": np.nan}, "radius must be positive, got nan"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, Any], words: str) -> None:
    case = Case(2, 2, 2, 0, 1.0, None, "random", "zero")
    with pytest.raises(ValueError, match=words):
        enclose(case.parameters, case.inputs, case.targets, case.state, **change)


def test_weights_must_be_finite() -> None:
    case = Case(2, 2, 2, 0, 1.0, None, "random", "zero")
    case.parameters.Wha[0, 0] = np.inf
    with pytest.raises(ValueError, match="must be finite numbers"):
        enclose_case(case, None)


def test_a_radius_out_of_reach_is_an_arithmetic_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balls, "MOST_BITS", 400)
    case = Case(10, 10, 600, 0, 0.3, None, "random", "random")
    with pytest.raises(ArithmeticError, match="can't be enclosed within 1e-20"):
        enclose_case(case, None)


def test_missing_library_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    for module in ("balls", "ball_clip", "enclosure"):
        monkeypatch.delitem(sys.modules, f"bptt.verify.certify.{module}", raising=False)
    with pytest.raises(InputError, match="pip install python-flint"):
        __import__("bptt.verify.certify.balls")


def test_precision_of_the_caller_is_left_as_it_was() -> None:
    before = ctx.prec
    case = Case(2, 2, 2, 0, 1.0, None, "random", "zero")
    enclose_case(case, 5.0)
    assert ctx.prec == before


def test_the_reference_is_near_the_middle() -> None:
    case = Case(6, 5, 6, 3, 0.3, 0.5, "random", "random")
    enclosure = enclose_case(case, 0.5)
    trace = forward(case.parameters, case.inputs, case.targets, case.state)
    for ours, theirs in zip(
        backward(case.parameters, trace, 0.5), enclosure.midpoints(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)


def test_more_precision_is_tried_for_a_clip_that_the_radius_alone_leaves_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(balls, "GUARD_BITS", 16)
    enclosure = uniform_case(1.0 - 1e-15, radius=1e-3)
    assert enclosure.bits == 2 * (16 + 10)
    assert not enclosure.any_undecidable


def test_floating_point_decides_nothing_that_a_wide_ball_leaves_open() -> None:
    left = arb_mat([[arb(4.9, 0.2)], [arb(4.9, 0.04)], [arb(5.2, 0.09)]])
    decisions = ball_clip.decide(left, to_balls(np.ones((1, 1))), 5.0)
    assert decisions.proved.ravel().tolist() == [False, True, True]
    folded = ball_clip.fold(left, to_balls(np.ones((1, 1))), 5.0)
    assert folded.undecidable.ravel().tolist() == [True, False, False]
    assert folded.clipped.ravel().tolist() == [False, False, True]
    assert folded.value[0, 0].contains(arb(4.71))
    assert folded.value[0, 0].contains(5)
    assert not folded.value[0, 0].contains(arb(5.05))


@pytest.mark.campaign
@pytest.mark.parametrize("scale", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("clip", [None, 5.0])
def test_a_window_of_the_notebooks_size_is_enclosed_within_a_second(
    scale: float, clip: float | None
) -> None:
    case = Case(80, 150, 35, 0, scale, clip, "random", "zero")
    enclosure, seconds = enclose_case(case, clip), []
    assert enclosure.radius <= RADIUS
    for _ in range(5):
        begun = time.thread_time()  # of a machine that may be busy with something else
        enclose_case(case, clip)
        seconds.append(time.thread_time() - begun)
    clipped = sum(int(mask.sum()) for mask in enclosure.clipped.values())
    print(f"weights {scale}, clip {clip}: {min(seconds):.2f} s, {clipped} entries clipped")
    assert min(seconds) < 1.0

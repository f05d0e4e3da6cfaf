"""The page of `bptt find-the-bug`: every mistake can be seen, and every number is measured."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import reference
from bptt.pages import exercises, find_the_bug
from bptt.pages.document import document, rounded
from bptt.pages.exercises import CARRIED, RIGHT, Measurement
from bptt.pages.mistakes import MISTAKES, NOTEBOOK_CLIP, Mistake
from bptt.verify.network import complex_step

from .reading import assert_self_contained, data_of

PARAMETERS = ("Whx", "Wha", "Wya", "bh", "by")


@pytest.fixture(scope="module")
def benches() -> dict[float, exercises.Workbench]:
    return {clip: exercises.workbench(clip) for clip in {one.clip for one in MISTAKES}}


@pytest.fixture(scope="module")
def measured(benches: dict[float, exercises.Workbench]) -> dict[Mistake, Measurement]:
    return {one: benches[one.clip].measure(exercises.with_mistake(one)[1]) for one in MISTAKES}


@pytest.fixture(scope="module")
def made() -> list[exercises.Exercise]:
    """Two exercises, trained until the text has begun again."""
    return exercises.make(MISTAKES[:2], iterations=16)


def wrong_entries(found: Measurement) -> dict[str, int]:
    return {name: int((errors > RIGHT).sum()) for name, errors in found.errors.items()}


def wrong_parameters(found: Measurement) -> set[str]:
    return {name for name, number in wrong_entries(found).items() if number}


def right_lags(found: Measurement, names: tuple[str, ...] = (*PARAMETERS, CARRIED)) -> list[bool]:
    lags = range(exercises.LAGS)
    return [all(found.lags[name][lag] <= RIGHT for name in names) for lag in lags]


def zero(found: Measurement) -> set[str]:
    return {name for name, value in found.computed.items() if not value.any()}


def test_right_lines_give_the_right_gradient_at_every_entry_and_lag(
    benches: dict[float, exercises.Workbench],
) -> None:
    for bench in benches.values():
        found = bench.measure(exercises.with_mistake(None)[1])
        assert wrong_parameters(found) == set()
        assert all(right_lags(found))


def test_expected_gradient_is_the_slope_along_any_direction() -> None:
    bench, rng = exercises.workbench(NOTEBOOK_CLIP), np.random.default_rng(1)
    for _ in range(5):
        drawn = [rng.standard_normal(value.shape) for value in bench.parameters]
        slope = complex_step.directional_derivative(
            bench.parameters, reference.Parameters(*drawn), *bench.window
        )
        along = zip(bench.expected.values(), drawn, strict=True)
        assert sum((value * step).sum() for value, step in along) == pytest.approx(slope, rel=1e-9)


def test_clip_acts_where_its_own_mistakes_are_measured_and_nowhere_else(
    benches: dict[float, exercises.Workbench],
) -> None:
    for clip, bench in benches.items():
        pairs = (reference.backward(bench.parameters, bench.trace, one) for one in (clip, None))
        changed = [not np.array_equal(*both) for both in zip(*pairs, strict=True)]
        assert any(changed) == (clip != NOTEBOOK_CLIP)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.wrong)
def test_every_mistake_is_one_line_that_makes_something_wrong(
    mistake: Mistake, measured: dict[Mistake, Measurement]
) -> None:
    right, first = exercises.source()
    body, _ = exercises.with_mistake(mistake)
    differing = [n for n, pair in enumerate(zip(right, body, strict=True)) if pair[0] != pair[1]]
    assert differing == [exercises.place(mistake)]
    lines = Path(str(reference.rnn.__file__)).read_text("utf-8").split("\n")
    assert lines[first - 1 + differing[0]].strip() == mistake.right
    assert wrong_parameters(measured[mistake])


# What a hint claims of the measurements.
CLAIMS: dict[str, Callable[[Measurement], bool]] = {
    "At lag 0 everything is right": lambda found: right_lags(found)[:2] == [True, False],
    "At lag 0 the parameters are right and .* handed back is wrong": lambda found: (
        right_lags(found, PARAMETERS)[:2] == [True, False] and found.lags[CARRIED][0] > RIGHT
    ),
    "The first lags are right": lambda found: (
        right_lags(found, PARAMETERS)[:3] == [True, True, False]
    ),
    "One (parameter|matrix|bias) is wrong": lambda found: len(wrong_parameters(found)) == 1,
    "its diagonal is right": lambda found: not (np.diag(found.errors["Wha"]) > RIGHT).any(),
    "at every lag": lambda found: len(set(right_lags(found))) == 1,
    "One target's gradient is right at every lag": lambda found: all(right_lags(found)),
    "The output layer is right": lambda found: wrong_parameters(found) == {"Whx", "Wha", "bh"},
    "zero in every entry": lambda found: len(zero(found)) == 1,
    "in two parameters only": lambda found: len(wrong_parameters(found)) == 2,
    "Everything is wrong": lambda found: wrong_parameters(found) == set(PARAMETERS),
    "only some entries are wrong": lambda found: all(
        0 < number < found.errors[name].size for name, number in wrong_entries(found).items()
    ),
    "single step of lag 0": lambda found: all(found.lags[name][0] == 1.0 for name in PARAMETERS),
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.wrong)
def test_hints_claim_what_was_measured(
    mistake: Mistake, measured: dict[Mistake, Measurement]
) -> None:
    claimed = [claim for claim in CLAIMS if re.search(claim, mistake.hint, re.IGNORECASE)]
    assert claimed
    assert [claim for claim in claimed if not CLAIMS[claim](measured[mistake])] == []


def test_curve_of_the_right_lines_is_the_reference_s_own(made: list[exercises.Exercise]) -> None:
    bits = exercises.T * np.log(2)
    for one in made:
        expected = [
            float(np.float64(step.loss) / bits)
            for step, _ in zip(exercises.start_training(one.mistake.clip), range(16), strict=False)
        ]
        np.testing.assert_allclose(one.right_losses, expected, rtol=1e-15)
        assert one.losses != one.right_losses


def test_page_is_self_contained_and_shows_the_measured_numbers(
    made: list[exercises.Exercise],
) -> None:
    html = find_the_bug.find_the_bug(made)
    assert_self_contained(html)
    data = data_of(html)
    for shown, one in zip(data["exercises"], made, strict=True):
        assert shown["code"][shown["line"]].strip() == one.mistake.wrong
        means = [float(np.mean(one.losses[n : n + 5])) for n in (0, 5, 10)]
        assert shown["losses"] == [round(mean, 4) for mean in means]
        for name in PARAMETERS:
            computed = one.measurement.computed[name].ravel()
            np.testing.assert_allclose(shown["computed"][name], computed, rtol=6e-5)
            expected = one.measurement.expected[name].ravel()
            np.testing.assert_allclose(data["expected"]["5.0"][name], expected, rtol=6e-5)
            said = np.array(shown["errors"][name]) > data["right"]
            assert np.array_equal(said, one.measurement.errors[name].ravel() > RIGHT)


def test_data_can_hold_any_text_but_no_infinity() -> None:
    text = '</script><script>alert(1)</script><!-- \u2028 \ud800 &amp; "'
    html = document("<t>", "<p></p>", {"text": text}, [])
    assert data_of(html) == {"text": text}
    assert html.count("<script") == 2
    with pytest.raises(ValueError, match="JSON"):
        document("t", "", {"number": rounded(np.inf, 3)}, [])


def test_line_that_the_source_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="must have this line once: nothing"):
        exercises.place(Mistake("nothing", "", "", ""))

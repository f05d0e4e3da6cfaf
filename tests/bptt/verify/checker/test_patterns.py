"""Errors that have a name get it; accidents get none."""

import pytest

from bptt.verify import Settings, verify

from . import patterned_problems as problems

NAMED = {
    "mean_over_rows": "constant factor 1/B: a mean where a sum is expected?",
    "mean_over_all": "constant factor 1/(B H): a mean where a sum is expected?",
    "sum_over_rows": "constant factor B: a sum where a mean is expected?",
    "over_one_less": "constant factor 1/(B + 1): a mean where a sum is expected?",
    "by_root": "constant factor 1/sqrt(D)",
    "thirty_percent": "constant factor 1.3",
    "minus": "sign: minus the true gradient",
    "clipped_whole": "clipped to the norm 0.7: one factor for all parameters",
    "clipped_each": "clipped to the norm 0.5: each parameter by its own",
    "clipped_entries": "clipped at 0.4",
    "ignores_upstream": "as if weights were 1 everywhere: is the upstream gradient ignored?",
    "decayed": "+0.01 times the parameter is added",
    "nothing": "zero",
    "last_wins": "repeated indices are lost (ids): only the last of them counts",
    "first_wins": "repeated indices are lost (ids): only the first of them counts",
    "mean_of_them": "repeated indices are lost (ids): right where an index occurs once, wrong "
    "where it occurs more often",
}
# Their cases are small, since the time goes into shrinking the one that fails.
RECURRENT = {
    "cut_after_two": "truncated in time: nothing goes back over 2 steps or more",
    "cut_after_three": "truncated in time: nothing goes back over 3 steps or more",
    "cut_after_four": "truncated in time: nothing goes back over 4 steps or more",
    "wrong_in_long_ones": "",
}
SMALL = Settings(cases=30, sizes={"H": (1, 2), "T": (1, 7)})
ACCIDENTS = ("one_hot_input", "one_number", "same_each_time", "unrelated")


@pytest.mark.parametrize("name", NAMED)
def test_error_with_a_name_gets_it(name: str) -> None:
    diagnosis = verify(getattr(problems, name), Settings(cases=30)).diagnosis
    assert diagnosis is not None
    assert {suspect.pattern for suspect in diagnosis.suspects} == {NAMED[name]}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.campaign] * (name == "cut_after_four"))
        for name in RECURRENT
    ],
)
def test_truncation_is_named_with_its_length_and_an_accident_is_not(name: str) -> None:
    diagnosis = verify(getattr(problems, name), SMALL).diagnosis
    assert diagnosis is not None
    assert {suspect.pattern for suspect in diagnosis.suspects} == {RECURRENT[name]}


@pytest.mark.parametrize("name", ACCIDENTS)
def test_accident_gets_no_name(name: str) -> None:
    diagnosis = verify(getattr(problems, name), Settings(cases=30)).diagnosis
    assert diagnosis is not None
    assert {suspect.pattern for suspect in diagnosis.suspects} == {""}

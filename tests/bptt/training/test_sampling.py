"""Text from a run: greedy, drawn, and from what it is drawn."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.errors import InputError
from bptt.training.sampling import Choice, write
from reference import Vocabulary, generate

from ...program import SMALL, TEXT, assert_refused, bptt
from ...strategies import Case, cases

probabilities = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8).map(
    lambda weights: np.array(weights) / np.sum(weights)
)


@given(cases(max_scale=1.0))
def test_greedy_writing_is_the_references(case: Case) -> None:
    vocabulary = Vocabulary("abcdefghij"[: case.V])
    zero = np.zeros((case.H, 1))
    expected = generate(case.parameters, vocabulary, zero, "a", length=20)
    rng = np.random.default_rng(0)
    written = write(case.parameters, vocabulary, zero, "a", 20, Choice(), rng)
    assert "".join(written) == expected


@given(probabilities, st.floats(0.05, 5.0), st.integers(0, 2**32 - 1))
def test_top_k_and_nucleus_draw_only_what_they_may(p, temperature: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = p ** (1 / temperature) / np.sum(p ** (1 / temperature))
    ranked = sorted(range(len(p)), key=lambda index: -weights[index])
    for k in (1, 2, 100):
        index = Choice(temperature=temperature, top_k=k).choose(p, rng)
        assert weights[index] >= weights[ranked[min(k, len(p)) - 1]] * (1 - 1e-9)
    for share in (0.1, 0.5, 1.0):
        index = Choice(temperature=temperature, top_p=share).choose(p, rng)
        least = weights[index] * (1 + 1e-9)
        before = sum(weights[other] for other in ranked if weights[other] > least)
        assert before < share + 1e-9


def test_draws_follow_the_tempered_probabilities() -> None:
    p, rng = np.array([0.6, 0.3, 0.1]), np.random.default_rng(0)
    for temperature in (0.5, 1.0, 2.0):
        expected = p ** (1 / temperature) / np.sum(p ** (1 / temperature))
        choice = Choice(temperature=temperature)
        counts = Counter(choice.choose(p, rng) for _ in range(20_000))
        for index, share in enumerate(expected):
            assert counts[index] / 20_000 == pytest.approx(share, abs=0.015)


def test_lowest_temperatures_leave_the_most_probable() -> None:
    p, rng = np.array([0.2, 0.5, 0.0, 0.3]), np.random.default_rng(0)
    for temperature in (1e-300, 1e-308, 1e-320, 5e-324):
        assert {Choice(temperature=temperature).choose(p, rng) for _ in range(20)} == {1}


def test_zero_probability_is_never_drawn() -> None:
    p, rng = np.array([0.0, 1.0, 0.0]), np.random.default_rng(0)
    assert {Choice(temperature=3.0).choose(p, rng) for _ in range(200)} == {1}


def test_top_k_without_temperature_is_an_error() -> None:
    with pytest.raises(InputError, match="need a --temperature above 0"):
        Choice(top_k=3)


def test_command_draws_several_repeatably(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "prime.txt").write_text("She sells")
    assert bptt("train", "text.txt", *SMALL, "--out", "run", folder=tmp_path).returncode == 0
    drawn = ["--temperature", "1", "--samples", "2", "--length", "30", "--prime-file", "prime.txt"]
    first = bptt("sample", "run", *drawn, "--seed", "5", folder=tmp_path).stdout
    again = bptt("sample", "run", *drawn, "--seed", "5", folder=tmp_path).stdout
    other = bptt("sample", "run", *drawn, "--seed", "6", folder=tmp_path).stdout
    assert first == again != other
    assert first.count("She sells") >= 2
    assert len(first) == 2 * (9 + 30) + 3
    for wrong, said in (
        (["--top-k", "3"], "need a --temperature above 0"),
        (["--temperature", "-1"], "positive finite number, got -1"),
        (["--temperature", "1", "--top-p", "1.5"], "at most 1, got 1.5"),
        (["--prime", "a", "--prime-file", "prime.txt"], "not both"),
        (["--prime-file", "nowhere.txt"], "can't read nowhere.txt"),
    ):
        assert_refused(bptt("sample", "run", *wrong, folder=tmp_path), said)

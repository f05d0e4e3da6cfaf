"""The greedy sampler."""

from inspect import unwrap

import numpy as np
import pytest
from hypothesis import given

from reference import Parameters, Vocabulary, generate
from reference.loss import softmax
from reference.rnn import forward_step

from ..strategies import Case, cases


def vocabulary_of(case: Case) -> Vocabulary:
    return Vocabulary("abcdefghij"[: case.V])


@given(cases(max_scale=1.0))
def test_each_character_is_the_most_probable_after_the_one_before(case: Case) -> None:
    vocabulary = vocabulary_of(case)
    text = generate(case.parameters, vocabulary, case.state, "a", length=20)
    assert len(text) == 21
    state, index = case.state, 0
    for written in text[1:]:
        state, z = forward_step(case.parameters, case.parameters.Whx[:, index : index + 1], state)
        index = int(np.argmax(softmax(z)))
        assert written == vocabulary.symbols[index]


@given(cases(max_scale=1.0))
def test_start_may_be_a_text_or_its_last_vector(case: Case) -> None:
    vocabulary = vocabulary_of(case)
    text = vocabulary.symbols[-1] + vocabulary.symbols[0]
    vector = vocabulary.encode_one_hot(text)[-1]
    assert generate(case.parameters, vocabulary, case.state, text) == generate(
        case.parameters, vocabulary, case.state, vector
    )


def test_random_start_is_the_generators() -> None:
    case = Case(6, 3, 1, 0, 0.3, None, "random", "zero")
    vocabulary = vocabulary_of(case)

    def first(seed: int) -> str:
        rng = np.random.default_rng(seed)
        return generate(case.parameters, vocabulary, case.state, length=0, rng=rng)

    assert {first(seed) for seed in range(100)} == set(vocabulary.symbols)
    assert first(3) == first(3)


def test_equally_probable_characters_are_all_fed_back() -> None:
    # Zero output weights: every step ties 'a' with 'b'. Fed 'a' alone, the state stays positive
    # and 'a' stays the answer; fed both, their weights cancel.
    parameters = Parameters(
        Whx=np.array([[1.0, -1.0]]),
        Wha=np.zeros((1, 1)),
        Wya=np.zeros((2, 1)),
        bh=np.zeros((1, 1)),
        by=np.zeros((2, 1)),
    )
    assert generate(parameters, Vocabulary("ab"), np.zeros((1, 1)), "b", length=3) == "baaa"
    parameters.Wya[:, 0] = [0.0, 1.0]
    both = np.array([1.0, 1.0])
    # tanh(1 - 1) = 0: a tie again, for ever.
    assert generate(parameters, Vocabulary("ab"), np.zeros((1, 1)), both, length=3) == "aaaa"


@pytest.mark.parametrize(
    ("start", "length", "said"),
    [
        ("", 1, "at least one character, got an empty text"),
        ("z", 1, "'z'"),
        (np.zeros(5), 1, r"of shape \(3,\), got \(5,\)"),
        ("a", -1, "length must be at least 0, got -1"),
    ],
)
def test_bad_start_is_an_error(start, length: int, said: str) -> None:
    case = Case(3, 2, 1, 0, 0.3, None, "random", "zero")
    with pytest.raises(ValueError, match=said):
        unwrap(generate)(case.parameters, vocabulary_of(case), case.state, start, length)

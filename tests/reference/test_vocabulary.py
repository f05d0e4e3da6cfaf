"""Text to indices to one-hot vectors and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import Vocabulary, input_to_target

texts = st.text(min_size=1)


@given(texts)
def test_text_survives_the_way_to_indices_and_back(text: str) -> None:
    vocabulary = Vocabulary.from_text(text)
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert list(vocabulary.symbols) == sorted(set(text))


@given(texts)
def test_text_survives_the_way_to_one_hot_vectors_and_back(text: str) -> None:
    vocabulary = Vocabulary.from_text(text)
    vectors = vocabulary.encode_one_hot(text)
    assert vocabulary.decode_one_hot(vectors) == text
    np.testing.assert_array_equal(vectors.sum(axis=1), np.ones(len(text)))


@given(texts, st.randoms(use_true_random=False))
def test_given_order_is_kept(text: str, random) -> None:
    symbols = sorted(set(text))
    random.shuffle(symbols)
    vocabulary = Vocabulary(symbols)
    assert vocabulary.encode("".join(symbols)).tolist() == list(range(len(symbols)))


def test_targets_are_the_inputs_shifted_by_one() -> None:
    assert input_to_target(np.array([3, 1, 2])).tolist() == [1, 2]
    assert input_to_target(np.eye(3)).tolist() == np.eye(3)[1:].tolist()


def test_empty_text_encodes_to_nothing() -> None:
    assert Vocabulary("ab").encode("").shape == (0,)


@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        ("", "at least one symbol, got none"),
        ("aba", "symbols must differ, got 'a' at 2 again"),
        (["a", "bc"], "single characters, got 'bc' at 1"),
        (["a", ""], "single characters, got '' at 1"),
    ],
)
def test_symbols_that_are_no_vocabulary_are_an_error(symbols, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Vocabulary(symbols)


def test_unknown_characters_are_named_with_the_first_place() -> None:
    with pytest.raises(ValueError, match=r"2 of the text's characters.*'x' 'ü'.*position 2"):
        Vocabulary("abc").encode("abüxc")

"""Memory-mapped texts of small integer types are read window by window, never as a whole."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import reference
import torch_impl
from reference import Hyperparameters, Vocabulary
from torch_impl import fast

VOCABULARY = Vocabulary("abcde")
SETTINGS = Hyperparameters(hidden_size=4, seq_length=5, iterations=30, sample_every=10)
KINDS = [np.uint8, np.uint16, np.uint32, np.int64]
every_training = pytest.mark.parametrize(
    "training",
    [reference.Training, torch_impl.Training, fast.Training],
    ids=lambda one: one.__module__,
)


def mapped(path: Path, indices: np.ndarray) -> np.memmap:
    indices.tofile(path)
    return np.memmap(path, indices.dtype, "r")


@every_training
@pytest.mark.parametrize("kind", [*KINDS, np.int8, np.uint64], ids=lambda kind: kind.__name__)
def test_the_integer_type_of_a_text_changes_nothing(training: Any, kind, tmp_path: Path) -> None:
    text = np.random.default_rng(0).integers(len(VOCABULARY), size=100)
    expected = list(training(text, SETTINGS, vocabulary=VOCABULARY, lanes=2))
    given = text.astype(kind)
    read_only = mapped(tmp_path / "text", given)
    texts: list[Any] = [given, read_only, np.repeat(given, 2)[::2]]
    if training is not reference.Training:
        texts.append(torch.from_numpy(given))
    for one in texts:
        ours = training(one, SETTINGS, vocabulary=VOCABULARY, lanes=2)
        assert list(ours) == expected


@every_training
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_mapped_text_is_not_copied(training, kind, tmp_path: Path) -> None:
    text = mapped(tmp_path / "text", np.zeros(8_000_000, kind))
    ours = training(text[:1000], SETTINGS, vocabulary=VOCABULARY, lanes=2)
    ours.step()  # allocates what is allocated only once
    tracemalloc.start()
    ours = training(text, SETTINGS, vocabulary=VOCABULARY, lanes=2)
    ours.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.shares_memory(ours.text, text)
    assert peak < 1_000_000


@pytest.mark.parametrize("kind", [np.uint8, np.int64], ids=lambda kind: kind.__name__)
def test_a_text_is_looked_through_in_pieces(kind) -> None:
    text = np.zeros(8_000_000, kind)
    text[7_654_321] = 5
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"lie in 0\.\.4 .*, got 5 at position 7654321$"):
        fast.Training(text, SETTINGS, vocabulary=VOCABULARY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_index_outside_in_a_mapped_text_is_an_error_where_it_is_read(kind, tmp_path) -> None:
    indices = np.zeros(100, kind)
    indices[62] = 5
    training = fast.Training(
        mapped(tmp_path / "text", indices), SETTINGS, vocabulary=VOCABULARY, lanes=2
    )
    assert len(training.advance(10)) == 2  # lane 1 begins at 50, and its third window reads 60..65
    with pytest.raises(ValueError, match=r"text must lie in 0\.\.4 .* got 5 at position 62$"):
        training.advance(10)
    assert training.iteration == 2


@pytest.mark.parametrize("training", [reference.Training, torch_impl.Training])
def test_a_text_that_is_no_whole_numbers_is_an_error(training) -> None:
    ours = training(np.zeros(100, np.uint8), SETTINGS, vocabulary=VOCABULARY)
    ours.text = np.full(100, 0.5)
    with pytest.raises(TypeError, match="Cannot cast"):
        ours.step()

"""The n-gram lines of a card: of the run's own texts, and only where counting is quick."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.runs import ngram_reference
from bptt.runs.data import Texts
from bptt.runs.folder import RunFolder
from bptt.runs.ngram_reference import of_texts
from bptt.sessions import lifecycle
from bptt.text.ngrams import KneserNey
from reference import Vocabulary

from ...program import TEXT


@given(
    sizes=st.tuples(st.integers(1, 60), st.integers(2, 30), st.none() | st.integers(2, 30)),
    V=st.sampled_from([1, 3, 90, 70_000]),
    seed=st.integers(0, 99),
)
def test_lines_are_those_of_the_largest_order_that_can_be_counted(sizes, V: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    train, validation, test = (
        None if size is None else rng.integers(0, V, size, np.uint32) for size in sizes
    )
    assert train is not None
    vocabulary = Vocabulary([chr(0x20000 + n) for n in range(V)])
    found = of_texts(Texts(vocabulary, train, validation, test))
    assert found is not None
    assert found.n == min(5 if V < 5000 else 3, len(train))
    model = KneserNey(train.astype(int), vocab_size=V, n=found.n)
    for indices, bits in ((validation, found.validation), (test, found.test)):
        if indices is None:
            assert bits is None
        else:
            assert bits == model.bits_per_character(indices.astype(int))


def test_nothing_is_counted_without_a_text_to_score_or_for_long_ones() -> None:
    text, vocabulary = np.zeros(20, np.uint8), Vocabulary("a")
    assert of_texts(Texts(vocabulary, text, None, None)) is None
    assert of_texts(Texts(vocabulary, text, text, None)) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram_reference, "LONGEST", 39)
        assert of_texts(Texts(vocabulary, text, text, None)) is None


def test_card_has_the_lines_in_bits_and_nats(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT * 2)
    given = {"hidden_size": 3, "seq_length": 4, "iterations": 2, "split": "60/40"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "draw", lambda *_: None)
        run = lifecycle.begin(str(tmp_path / "text.txt"), given, tmp_path / "run")
    V = len(run.read_config().vocabulary)
    indices = Vocabulary(run.read_config().vocabulary).encode(TEXT * 2)
    cut = int(0.6 * len(indices))
    bits = KneserNey(indices[:cut], vocab_size=V, n=5).bits_per_character(indices[cut:])
    nats = bits * np.log(2)
    card = run.card.read_text()
    assert f"| validation, 5-gram, Kneser-Ney | {bits:.4f} | {nats:.4f} |  |  |" in card

"""The parts of a text: all of it, in order, and what can't be parted is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bptt.errors import InputError
from bptt.sessions import lifecycle
from bptt.settings import Settings
from bptt.split import shares
from bptt.text import splits
from bptt.text.encoded import Encoded, open_corpus
from reference import Vocabulary


@given(
    text=st.text("abcde\n", min_size=1, max_size=300),
    split=st.tuples(st.integers(1, 99), st.integers(0, 20), st.integers(0, 20)),
)
def test_parts_cover_the_text_in_order(tmp_path_factory, text: str, split: tuple) -> None:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(text)
    corpus = open_corpus(str(path))
    given = Settings(split="/".join(map(str, split)))
    wanted = shares(given.split)
    N = len(corpus.indices)
    ends = [round(N * float(end)) for end in np.cumsum(wanted)]
    sizes = np.diff([0, *ends])
    if any(share > 0 and size == 0 for share, size in zip(wanted, sizes, strict=True)):
        with pytest.raises(InputError, match="leaves nothing of"):
            splits.split_text(corpus, given)
        return
    found = splits.split_text(corpus, given)
    end = 0
    for (_, part), share in zip(found, wanted, strict=True):
        assert (part is None) == (share == 0)
        if part is not None:
            assert part.start == end
            assert abs(part.length - share * N) <= 1
            end += part.length
    assert end == N


@given(N=st.integers(2, 2_000_000), train=st.integers(1, 99))
def test_two_fractions_cut_where_nanogpt_does(N: int, train: int) -> None:
    text = Encoded("text", "-", "utf-8", "characters", "0", Vocabulary("a"), np.zeros(N, np.uint8))
    given = Settings(split=f"{train}/{100 - train}")
    cut = int(N * (train / 100))
    if cut == 0:
        with pytest.raises(InputError, match="leaves nothing of"):
            splits.split_text(text, given)
        return
    found = splits.split_text(text, given)
    assert found.validation is not None
    assert (found.train.start, found.train.length) == (0, cut)
    assert (found.validation.start, found.validation.length) == (cut, N - cut)
    assert found.test is None


def test_last_tenth_of_tinyshakespeare_has_the_length_that_nanogpt_prints() -> None:
    N = 1_115_394
    text = Encoded("text", "-", "utf-8", "characters", "0", Vocabulary("a"), np.zeros(N, np.uint8))
    found = splits.split_text(text, Settings(split="90/10"))
    assert found.validation is not None
    assert (found.train.length, found.validation.length) == (1_003_854, 111_540)


@given(train=st.text("abc", min_size=1, max_size=40), rest=st.text("abcdé\U0001f40d", max_size=40))
def test_vocabulary_is_of_the_training_part_alone(tmp_path_factory, train, rest) -> None:
    assume(len(rest) > 1)
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(train + rest)
    settings = {"split": f"{len(train)}/{len(rest)}/0", "seq_length": 1, "hidden_size": 1}
    assume(len(train) > 1)
    if not any(letter in train for letter in rest[1:]):
        with pytest.raises(InputError, match="nothing to score"):
            lifecycle.make(str(path), settings, path.with_name("run"))
        return
    run = lifecycle.make(str(path), settings, path.with_name("run"))
    assert run.config.vocabulary == sorted(set(train))
    texts, V = run.texts, len(set(train))
    assert texts.vocabulary.decode(texts.train.astype(int)) == train
    assert texts.validation is not None
    assert (texts.validation == V).tolist() == [letter not in train for letter in rest]
    seen = texts.validation[texts.validation < V]
    assert texts.vocabulary.decode(seen.astype(int)) == "".join(
        letter for letter in rest if letter in train
    )
    assert texts.test is None


def test_files_for_validation_leave_the_text_whole(tmp_path: Path) -> None:
    for name, text in {"text": "abcabc", "validation": "cbx", "test": "aay"}.items():
        (tmp_path / name).write_text(text)
    names = {"validation_file": "validation", "test_file": "test"}
    given = {key: str(tmp_path / name) for key, name in names.items()} | {"seq_length": 2}
    texts = lifecycle.make(str(tmp_path / "text"), given, tmp_path / "run").texts
    assert texts.vocabulary.symbols == ("a", "b", "c")
    np.testing.assert_array_equal(texts.train, [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(texts.validation, [2, 1, 3])
    np.testing.assert_array_equal(texts.test, [0, 0, 3])


def test_file_for_validation_is_read_in_the_units_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("é".encode() * 9)
    (tmp_path / "other").write_bytes("éé".encode())
    given = {"units": "bytes", "validation_file": str(tmp_path / "other"), "seq_length": 2}
    run = lifecycle.make(str(tmp_path / "text"), given, tmp_path / "run")
    np.testing.assert_array_equal(run.texts.validation, [1, 0, 1, 0])


def test_half_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"abc+2AA-" * 9)
    with pytest.raises(InputError, match=r"U\+D800 in it, half of a surrogate pair"):
        lifecycle.make(str(tmp_path / "text"), {"encoding": "utf-7"}, tmp_path / "run")

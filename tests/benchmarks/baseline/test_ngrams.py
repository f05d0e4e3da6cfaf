"""The baselines without a network: Kneser-Ney n-grams against a direct version, compressors."""

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.baseline import compressors
from benchmarks.baseline.reference_lines import reference_lines
from bptt.text.ngrams import UNDETERMINED, KneserNey, discounts


def plain_discounts(counts: Counter) -> list[float]:
    """Return the discounts at index 1, 2, 3; index 0 is unused."""
    n = Counter(counts.values())
    if any(n[r] == 0 for r in (1, 2, 3)):
        return [0.0, 0.5, 1.0, 1.5]
    Y = n[1] / (n[1] + 2 * n[2])
    D = [0.0] + [r - (r + 1) * Y * n[r + 1] / n[r] for r in (1, 2, 3)]
    return D if all(d > 0 for d in D[1:]) else [0.0, 0.5, 1.0, 1.5]


class Plain:
    """The same model written directly from the formulas, with dictionaries."""

    def __init__(self, text: list[int], V: int, n: int) -> None:
        self.V, self.n = V, n
        self.counts = [Counter() for _ in range(n + 1)]
        self.counts[n] = Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
        for k in range(1, n):
            longer = {tuple(text[i : i + k + 1]) for i in range(len(text) - k)}
            self.counts[k] = Counter(gram[1:] for gram in longer)
        self.D = [[], *(plain_discounts(self.counts[k]) for k in range(1, n + 1))]

    def probability(self, context: tuple[int, ...], symbol: int) -> float:
        return self._of_order(min(self.n, len(context) + 1), context, symbol)

    def _of_order(self, k: int, context: tuple[int, ...], symbol: int) -> float:
        if k == 0:
            return 1 / self.V
        seen = context[len(context) - k + 1 :]
        lower = self._of_order(k - 1, context, symbol)
        followers = [self.counts[k][(*seen, other)] for other in range(self.V)]
        if sum(followers) == 0:
            return lower
        D = self.D[k]
        own = max(followers[symbol] - D[min(followers[symbol], 3)], 0.0)
        N1, N2, N3 = followers.count(1), followers.count(2), sum(c >= 3 for c in followers)
        return (own + (D[1] * N1 + D[2] * N2 + D[3] * N3) * lower) / sum(followers)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[int], list[int], int, int]:
    """Draw a training text, another text, V and n; with one symbol, skewed or even frequencies."""
    V, n = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shares = generator.dirichlet(np.full(V, draw(st.sampled_from([0.1, 1.0, 100.0]))))
    lengths = draw(st.integers(n, n + draw(st.sampled_from([0, 20, 300])))), draw(st.integers(2, 9))
    training, text = (generator.choice(V, size, p=shares).tolist() for size in lengths)
    return training, text, V, n


@given(problems())
@example(([0], [0, 0], 1, 1))
@example(([0, 1], [1, 1], 3, 2))
@example(([0] * 50, [0, 1], 2, 5))
def test_kneser_ney_equals_the_plain_formula(problem) -> None:
    training, text, V, n = problem
    model, plain = KneserNey(np.array(training), vocab_size=V, n=n), Plain(training, V, n)
    got = model.probabilities(np.array(text))
    expected = [plain.probability(tuple(text[:i]), text[i]) for i in range(len(text))]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=0)


@given(problems())
@example(([0], [0, 0], 1, 1))
@example(([0] * 50, [0, 1], 2, 5))
def test_probabilities_of_all_symbols_are_positive_and_sum_to_one(problem) -> None:
    training, text, V, n = problem
    model = KneserNey(np.array(training), vocab_size=V, n=n)
    for length in range(len(text) + 1):
        for context in (text[:length], training[:length], [V, *text[:length]]):
            distribution = model.distribution(np.array(context, int))
            assert np.all(distribution > 0)
            assert distribution.sum() == pytest.approx(1, abs=1e-12)


@given(problems())
def test_bits_are_the_mean_over_the_probabilities_asked_one_by_one(problem) -> None:
    training, text, V, n = problem
    model = KneserNey(np.array(training), vocab_size=V, n=n)
    bits = [
        -math.log2(model.distribution(np.array(text[:i]))[text[i]]) for i in range(1, len(text))
    ]
    assert model.bits_per_character(np.array(text)) == pytest.approx(np.mean(bits), rel=1e-12)


def test_small_bigram_model_is_what_the_hand_computes() -> None:
    # a b a b a c: no bigram occurs three times, so 1/2, 1 and 3/2 are taken from the counts. After
    # a come b twice and c once: b keeps (2-1)/3, c (1-1/2)/3, and 3/2 of 3 is passed on. Of single
    # characters, a follows one (b), b one (a), c one (a): each keeps (1-1/2)/3, half is passed on.
    model = KneserNey(np.array([0, 1, 0, 1, 0, 2]), vocab_size=4, n=2)
    single = np.array([1 / 6, 1 / 6, 1 / 6, 0]) + 0.5 / 4
    np.testing.assert_allclose(model.distribution(np.array([], int)), single, rtol=1e-15)
    after_a = np.array([0, 1 / 3, 1 / 6, 0]) + 0.5 * single
    np.testing.assert_allclose(model.distribution(np.array([0])), after_a, rtol=1e-15)
    np.testing.assert_allclose(model.distribution(np.array([2])), single, rtol=1e-15)


def test_discounts_are_chen_and_goodmans() -> None:
    # 8 once, 4 twice, 2 three times, 1 four times: Y = 8 / (8 + 8).
    counts = np.repeat([1, 2, 3, 4, 9], [8, 4, 2, 1, 5])
    assert discounts(counts) == pytest.approx((1 - 4 / 8, 2 - 1.5 * 2 / 4, 3 - 2 * 1 / 2))


@pytest.mark.parametrize("times", [(0, 4, 2, 1), (8, 0, 2, 1), (8, 4, 0, 1), (8, 4, 9, 1)])
def test_undetermined_or_negative_discounts_are_replaced(times: tuple[int, ...]) -> None:
    assert discounts(np.repeat([1, 2, 3, 4], times)) == UNDETERMINED


@pytest.mark.parametrize("n", range(2, 6))
def test_periodic_text_costs_next_to_nothing(n: int) -> None:
    text = np.resize(np.arange(7), 20_000)
    model = KneserNey(text, vocab_size=7, n=n)
    assert 0 < model.bits_per_character(text[:500]) < 0.01


@pytest.mark.parametrize("n", range(1, 5))
def test_random_text_costs_the_logarithm_of_the_vocabulary(n: int) -> None:
    text = np.random.default_rng(1).integers(8, size=400_000)
    bits = KneserNey(text[:300_000], vocab_size=8, n=n).bits_per_character(text[300_000:])
    assert bits == pytest.approx(3, abs=0.03)


def test_unknown_characters_are_not_scored_and_cut_the_context() -> None:
    generator = np.random.default_rng(2)
    training, text = generator.integers(3, size=200), generator.integers(3, size=20)
    model = KneserNey(training, vocab_size=3, n=4)
    cut = np.concatenate([text, [3], text])
    got = model.probabilities(cut)
    np.testing.assert_array_equal(got[:20], model.probabilities(text))
    assert np.isnan(got[20])
    np.testing.assert_array_equal(got[21:], model.probabilities(text))
    scored = np.delete(got, [0, 20])
    assert model.bits_per_character(cut) == pytest.approx(-np.log2(scored).mean())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint64])
def test_every_integer_type_gives_the_same_bits(dtype: type) -> None:
    text = np.random.default_rng(3).integers(200, size=2000)
    # So large a vocabulary that 5-grams need more digits than float64 has.
    expected = KneserNey(text, vocab_size=5000, n=5).bits_per_character(text)
    small = text.astype(dtype)
    assert KneserNey(small, vocab_size=5000, n=5).bits_per_character(small) == expected


@pytest.mark.parametrize(
    ("training", "V", "n", "words"),
    [
        ([0, 1], 2, 3, "1 to 2"),
        ([0, 1], 2, 0, "got 0"),
        ([0, 2], 2, 1, "0..1, got 2 at position 1"),
        ([0, -1], 2, 1, "got -1 at position 1"),
        ([0] * 9, 10_000, 5, "63 bits"),
    ],
)
def test_impossible_models_are_refused(training, V: int, n: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        KneserNey(np.array(training), vocab_size=V, n=n)


@pytest.mark.parametrize(
    ("text", "words"), [([0], "got 1"), ([0, 2], "after its first"), ([0, 3], "0..2, got 3")]
)
def test_texts_that_cannot_be_scored_are_refused(text: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        KneserNey(np.array([0, 1, 0]), vocab_size=2, n=2).bits_per_character(np.array(text))


@pytest.mark.parametrize("compressor", [compressors.xz, compressors.bzip2])
def test_compressors_pay_little_for_what_they_have_read_and_all_of_what_is_random(
    compressor: compressors.Compressor,
) -> None:
    drawn = random.Random(4)
    letters = "".join(drawn.choices("abcdefghijklmnop", k=20_000))
    other = "".join(drawn.choices("abcdefghijklmnop", k=20_000))
    assert compressors.bits_added(compressor, letters, letters) < 2
    assert 4 <= compressors.bits_added(compressor, letters, other) < 4.5
    assert 4 <= compressors.bits_alone(compressor, other) < 4.5


def test_compressed_bits_are_counted_per_character_not_per_byte() -> None:
    def store(content: bytes) -> bytes:
        return content

    assert compressors.bits_added(store, "ab", "äö\ud800") == 8 * (2 + 2 + 3) / 3
    assert compressors.bits_alone(store, "äb") == 8 * 3 / 2
    with pytest.raises(ValueError, match="at least one"):
        compressors.bits_added(store, "a", "")


def test_lines_code_each_text_after_the_training_text_alone() -> None:
    training, left, right = "she sells sea shells " * 90, "sea shells she sells", "ab€se" * 30
    one, other = (
        {line.name: line for line in reference_lines(training, *texts)}
        for texts in ((left, right), (right, left))
    )
    assert list(one) == [
        *("order 0", "order 1", "order 2", "5-gram", "7-gram"),
        *("xz -9e", "xz -9e, alone", "bzip2 -9", "bzip2 -9, alone"),
    ]
    for name, line in one.items():
        assert (line.validation, line.test) == (other[name].test, other[name].validation)
    assert one["5-gram"].validation < one["order 2"].validation < one["order 0"].validation
    assert one["xz -9e"].validation < one["xz -9e, alone"].validation

"""The rows of the table without a network: n-grams and compressors on a corpus."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Int

from reference import Vocabulary

from . import compressors
from .ngrams import KneserNey

# All with modified Kneser-Ney smoothing; an order is the number of characters in the context.
NGRAMS = {"order 0": 1, "order 1": 2, "order 2": 3, "5-gram": 5}
COMPRESSORS = {"xz -9e": compressors.xz, "bzip2 -9": compressors.bzip2}


@dataclass(frozen=True, slots=True)
class Line:
    """Bits per character of the validation and test text, and the seconds to compute them."""

    name: str
    validation: float
    test: float
    seconds: float


def reference_lines(training: str, validation: str, test: str) -> Iterator[Line]:
    """Evaluate each method on the two texts, each given the training text only.

    N-grams skip characters that the training text lacks, as a network must; a compressor encodes
    them, too. "alone" means a compressor without the training text.
    """
    vocabulary = Vocabulary.from_text(training)
    counted, *coded = (_encode(text, vocabulary) for text in (training, validation, test))
    for name, n in NGRAMS.items():
        began = time.perf_counter()
        model = KneserNey(counted, vocab_size=len(vocabulary), n=n)
        bits = [model.bits_per_character(text) for text in coded]
        yield Line(name, *bits, seconds=time.perf_counter() - began)
    for name, compressor in COMPRESSORS.items():
        added = partial(compressors.bits_added, compressor, training)
        alone = partial(compressors.bits_alone, compressor)
        yield _timed(name, added, validation, test)
        yield _timed(f"{name}, alone", alone, validation, test)


def _timed(name: str, bits: Callable[[str], float], validation: str, test: str) -> Line:
    began = time.perf_counter()
    return Line(name, bits(validation), bits(test), time.perf_counter() - began)


def _encode(text: str, vocabulary: Vocabulary) -> Int[np.ndarray, " N"]:
    """Return indices, V for characters outside the vocabulary."""
    index = {symbol: place for place, symbol in enumerate(vocabulary.symbols)}
    return np.fromiter((index.get(symbol, len(index)) for symbol in text), np.int64, len(text))

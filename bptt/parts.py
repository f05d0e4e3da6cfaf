"""A run's texts: one stretch to learn from, one to be watched by, one kept for the end.

N characters of text, V symbols.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt

from reference import Vocabulary

from .config import Config, CorpusRecord, Part, Parts
from .encoded import STEP, Encoded, translated
from .encoded_cache import release
from .errors import InputError
from .library import Library
from .settings import Settings, shares


@dataclass(frozen=True)
class Texts:
    """Indices in the run's vocabulary; in validation and test, V stands for what it lacks."""

    vocabulary: Vocabulary
    train: UInt[np.ndarray, " N"]
    validation: UInt[np.ndarray, " M"] | None
    test: UInt[np.ndarray, " K"] | None


def divide(text: Encoded, settings: Settings, library: Library | None = None) -> Parts:
    """Cut the text from its beginning, or take the files that are named, opened by the library.

    Raises InputError where a part that was asked for gets nothing.
    """
    if settings.validation_file is not None:
        library = library or Library()
        validation, test = (
            None if file is None else _whole(library.open(file, settings.encoding, text.units))
            for file in (settings.validation_file, settings.test_file)
        )
        train = Part(start=0, length=len(text.indices))
        return Parts(train=train, validation=validation, test=test)
    N, start, parts = len(text.indices), 0, []
    wanted = shares(settings.split)
    for name, share, until in zip(Parts.model_fields, wanted, np.cumsum(wanted), strict=True):
        end = round(N * float(until))
        if share > 0 and end == start:
            raise InputError(
                f"--split {settings.split} leaves nothing of {text.name}'s {N} {text.units} "
                f"for {name}; --split all trains on the whole text"
            )
        parts.append(Part(start=start, length=end - start) if share > 0 else None)
        start = end
    train, validation, test = parts
    return Parts(train=train, validation=validation, test=test)


def _whole(text: Encoded) -> Part:
    return Part(start=0, length=len(text.indices), corpus=CorpusRecord.of(text))


def sources(parts: Parts) -> dict[str, str]:
    """Return the settings that name other texts, so that they load from any working folder."""
    named = {"validation_file": parts.validation, "test_file": parts.test}
    return {key: part.corpus.source for key, part in named.items() if part and part.corpus}


def vocabulary_of(text: Encoded, part: Part) -> Vocabulary:
    """Every symbol that occurs in the part, in the text's order.

    Raises InputError for half of a surrogate pair, which no file of a run could hold.
    """
    used = np.zeros(len(text.vocabulary), bool)
    for stretch in _stretches(text.indices[part.start : part.start + part.length]):
        used |= np.bincount(stretch, minlength=len(used)) > 0
    symbols = [text.vocabulary.symbols[index] for index in np.flatnonzero(used)]
    for symbol in symbols:
        if 0xD800 <= ord(symbol) < 0xE000:
            raise InputError(
                f"{text.name} has U+{ord(symbol):04X} in it, half of a surrogate pair and no "
                f"character; read as {text.encoding}"
            )
    return Vocabulary(symbols)


def texts(config: Config, text: Encoded, library: Library | None = None) -> Texts:
    """Return what a run reads, in its vocabulary; other texts than `text` are the library's.

    Raises InputError where a text that the config names is another one now, has a character to
    learn from that the vocabulary lacks, or is for validation or test and has nothing to score.
    """
    library = library or Library()
    vocabulary = Vocabulary(config.vocabulary)
    train = _indices(config.parts.train, text, vocabulary)
    V = len(vocabulary)
    if any((stretch >= V).any() for stretch in _stretches(train)):
        raise InputError(f"the run's vocabulary lacks symbols of {text.name} that it learns from")
    scored = {}
    for name, part in (("validation", config.parts.validation), ("test", config.parts.test)):
        if part is not None:
            read = text if part.corpus is None else _checked(part.corpus, library)
            scored[name] = held_out(part, read, vocabulary, name)
    return Texts(vocabulary, train, scored.get("validation"), scored.get("test"))


def _checked(record: CorpusRecord, library: Library) -> Encoded:
    text = library.open(record.source, record.encoding, record.units)
    record.check(text)
    return text


def held_out(part: Part, text: Encoded, vocabulary: Vocabulary, name: str) -> np.ndarray:
    """Return a part of the text for validation or test.

    Raises InputError where there is nothing to score in it.
    """
    indices = _indices(part, text, vocabulary)
    if not any((stretch < len(vocabulary)).any() for stretch in _stretches(indices[1:])):
        raise InputError(
            f"there is nothing to score in the {part.length} {text.units} of {text.name} for "
            f"{name}: "
            f"it takes one after the first that the training text has too"
        )
    return indices


def unseen(indices: np.ndarray, vocabulary: Vocabulary) -> int:
    """Count what the vocabulary lacks."""
    V = len(vocabulary)
    return sum(int(np.count_nonzero(stretch >= V)) for stretch in _stretches(indices))


def _indices(part: Part, text: Encoded, vocabulary: Vocabulary) -> np.ndarray:
    stretch = text.indices[part.start : part.start + part.length]
    return translated(stretch, text.vocabulary, vocabulary)


def _stretches(indices: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(indices), STEP):
        yield indices[start : start + STEP]
        release(indices)

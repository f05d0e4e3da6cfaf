"""The texts of a run, as indices in its vocabulary.

N characters of text, V symbols.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt

from reference import Vocabulary

from ..errors import InputError, counted
from ..text import corpora
from ..text.encoded import Encoded, stretches, translated
from ..text.library import Library
from ..text.records import CorpusRecord, Split, TextDigest
from .config import Config


@dataclass(frozen=True)
class Texts:
    """A run's texts as indices in its vocabulary; V stands for an unseen symbol."""

    vocabulary: Vocabulary
    train: UInt[np.ndarray, " N"]
    validation: UInt[np.ndarray, " M"] | None
    test: UInt[np.ndarray, " K"] | None


def texts(config: Config, text: Encoded, library: Library | None = None) -> Texts:
    """Return a run's texts as indices in its vocabulary.

    `text` is the run's corpus; the library loads the files for validation and test.

    Raises InputError if a text isn't the one that the config records, if the vocabulary lacks a
    symbol of the training text, or if nothing in the validation or test text can be scored.
    """
    library = library or Library()
    vocabulary = Vocabulary(config.vocabulary)
    train = _indices(config.parts.train, text, vocabulary)
    V = len(vocabulary)
    if any((stretch >= V).any() for stretch in stretches(train)):
        raise InputError(f"the run's vocabulary lacks symbols of {text.name} that it learns from")
    scored = {}
    for name, split in (("validation", config.parts.validation), ("test", config.parts.test)):
        if split is not None:
            read = text if split.corpus is None else _checked(split.corpus, library)
            scored[name] = held_out(split, read, vocabulary, name)
    return Texts(vocabulary, train, scored.get("validation"), scored.get("test"))


def _checked(record: CorpusRecord, library: Library) -> Encoded:
    text = library.open(record.source, record.encoding, record.units)
    record.check(text)
    return text


def held_out(split: Split, text: Encoded, vocabulary: Vocabulary, name: str) -> np.ndarray:
    """Return a validation or test split as indices.

    Raises InputError if nothing in it can be scored.
    """
    indices = _indices(split, text, vocabulary)
    if not any((stretch < len(vocabulary)).any() for stretch in stretches(indices[1:])):
        raise InputError(
            f"there is nothing to score in the {counted(split.length, text.units)} of {text.name} "
            f"for {name}: at least one after the first must occur in the training text, too"
        )
    return indices


def unseen(indices: np.ndarray, vocabulary: Vocabulary) -> int:
    """Count the symbols that the vocabulary lacks."""
    V = len(vocabulary)
    return sum(int(np.count_nonzero(stretch >= V)) for stretch in stretches(indices))


def _indices(split: Split, text: Encoded, vocabulary: Vocabulary) -> np.ndarray:
    stretch = text.indices[split.start : split.start + split.length]
    return translated(stretch, text.vocabulary, vocabulary)


def relocated(
    config: Config, near: Path, library: Library, given: dict[str, str | None], advice: str
) -> Config:
    """Return a run's config with the current place of each of its texts.

    `given` maps "corpus", "validation_file" and "test_file" to places that the user named; the
    other texts are searched for, as by Library.search. A text from standard input leaves the source
    as it was. `advice` ends the message for one that isn't found.

    Raises InputError if a text isn't found, or isn't the run's.
    """

    def placed(record: CorpusRecord, name: str, advice: str) -> CorpusRecord:
        text = located(record, given.get(name), near, library, advice)
        kept = text.source == corpora.STANDARD_INPUT
        return record if kept else record.model_copy(update={"source": text.source})

    changes: dict[str, Any] = {}
    parts = config.parts.model_dump()
    for name, record in records(config).items():
        option = f"--{name.replace('_', '-')} FILE"
        found = placed(record, name, advice if name == "corpus" else f"{advice} {option}")
        if name == "corpus":
            changes[name] = found
        else:
            parts[name.removesuffix("_file")]["corpus"] = found.model_dump()
            changes[name] = found.source
    changed: dict[str, Any] = config.model_dump() | changes | {"parts": parts}
    return Config(**changed)


def located(
    record: CorpusRecord | TextDigest, source: str | None, near: Path, library: Library, advice: str
) -> Encoded:
    """Return a text from the place that the user named, or from where Library.find finds it.

    Raises InputError if it isn't found, or has another SHA-256.
    """
    if source is None:
        text = library.find(record, near, advice)
    else:
        text = library.open(source, record.encoding, record.units)
        record.check(text)
    library.keep(text, record)
    return text


def records(config: Config) -> dict[str, CorpusRecord]:
    """Return the records of a run's texts: corpus and, if named, validation_file and test_file."""
    found = {"corpus": config.corpus}
    for name in ("validation", "test"):
        split = getattr(config.parts, name)
        if split is not None and split.corpus is not None:
            found[f"{name}_file"] = split.corpus
    return found

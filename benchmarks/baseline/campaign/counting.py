"""The lines of n-grams and compressors in the record."""

from collections.abc import Iterator

from bptt.settings import Settings
from bptt.text import corpora
from bptt.text.encoded import open_corpus
from bptt.text.splits import split_text

from ..reference_lines import reference_lines
from .record import Count, Record


def missing(record: Record) -> Iterator[Count]:
    """Count on every corpus and split that the record has networks on and no counts yet."""
    known = {(one.corpus, one.split) for one in record.counts}
    wanted = {(one.corpus, one.split) for one in record.lines}
    for corpus, split in sorted(wanted - known):
        text = corpora.load(corpus).text
        encoded = open_corpus(corpus)
        parts = split_text(encoded, Settings(split=split))
        pieces = [
            None if part is None else text[part.start : part.start + part.length]
            for part in (parts.train, parts.validation, parts.test)
        ]
        train, validation, test = pieces
        assert train is not None
        assert validation is not None
        for line in reference_lines(train, validation, test):
            yield Count(
                corpus=corpus,
                corpus_sha256=encoded.sha256,
                split=split,
                method=line.name,
                validation_bits=line.validation,
                test_bits=line.test,
            )

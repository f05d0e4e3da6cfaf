"""The tables of README.md and docs/baseline.md, made from results.json.

A page has a table between `<!-- baseline CORPUS SPLIT -->` and `<!-- end of baseline -->`; nobody
writes there but `python -m benchmarks baseline campaign table`.
"""

import re
from pathlib import Path

from bptt import files
from bptt.errors import InputError, explained

from .record import Line, Record

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", ROOT / "docs" / "baseline.md")
END = "<!-- end of baseline -->"
PLACE = re.compile(rf"(<!-- baseline (\S+) (\S+) -->\n).*?({re.escape(END)})", re.DOTALL)
NAMES = {"rnn": "plain RNN", "lstm": "LSTM", "gru": "GRU", "mingru": "minGRU"}
METHODS = {
    "order 0": "frequencies of characters",
    "order 1": "of pairs",
    "order 2": "of triples",
    "5-gram": "5-gram, Kneser-Ney",
    "7-gram": "7-gram",
    "xz -9e": "`xz -9e`, what the split adds to the training split",
    "bzip2 -9": "`bzip2 -9`",
}  # other methods, such as compressors without the training text, are in results.json only
LN_2 = 0.6931471805599453


def table(record: Record, corpus: str, split: str) -> str:
    """Return the table of a corpus and a split, in Markdown.

    Raises InputError if the record has no line of them.
    """
    lines = [one for one in record.lines if (one.corpus, one.split) == (corpus, split)]
    counts = [one for one in record.counts if (one.corpus, one.split) == (corpus, split)]
    if not lines:
        raise InputError(f"results.json has no line for {corpus}, split {split}")
    tested = any(result.test_bits is not None for one in lines for result in one.results)
    heads = ["", "parameters", "learned from", "seeds", "nats", "bits", "nats, windows of 256"]
    if tested:
        heads.append("test, bits")
    rows = [[*_cells(one), *([one.spread("test_bits")] if tested else [])] for one in lines]
    for one in (count for count in counts if count.method in METHODS):
        nats, bits = f"{one.validation_bits * LN_2:.3f}", f"{one.validation_bits:.3f}"
        test = "" if one.test_bits is None else f"{one.test_bits:.3f}"
        rows.append([METHODS[one.method], "", "", "", nats, bits, "", *([test] if tested else [])])
    ruler = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ruler, *rows))


def _cells(line: Line) -> list[str]:
    layers = f", {line.layers} layers" if line.layers > 1 else ""
    name = f"{NAMES[line.model]}, H = {line.hidden_size}{layers} (`{line.protocol}`)"
    return [
        name,
        f"{line.parameters:,}",
        f"{line.mean('characters') / 1e6:.2g} M characters",
        str(len(line.results)),
        line.spread("validation_nats"),
        line.spread("validation_bits"),
        line.spread("windows_nats"),
    ]


def filled(text: str, record: Record) -> str:
    """Return a page with its tables made anew. Raises InputError as `table` does."""

    def one(found: re.Match[str]) -> str:
        return f"{found[1]}{table(record, found[2], found[3])}\n{found[4]}"

    return PLACE.sub(one, text)


def update(record: Record, pages: tuple[Path, ...] = PAGES) -> list[Path]:
    """Fill the pages; return those that changed."""
    changed = []
    for page in pages:
        with explained("read or write", page):
            before = page.read_text(encoding="utf-8")
            after = filled(before, record)
            if after != before:
                files.write(page, after.encode())
                changed.append(page)
    return changed

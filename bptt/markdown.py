"""Markdown that holds whatever text is put into it."""

import re
from collections.abc import Sequence

from .errors import harmless


def fenced(text: str) -> str:
    """Put a text into a code block; its own backticks don't end it.

    Control characters are escaped, here and in a cell: files of Markdown are shown on terminals.
    """
    text = harmless(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The first column is of words, the others are of figures."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in (header, rule, *rows))


def cell(content: object) -> str:
    """Keep a table whole whatever stands in it: a name may hold a bar, a line end or markup."""
    words = harmless(re.sub(r"\s", " ", str(content)))
    return re.sub(r"([\\|`*<>\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", words)

"""Markdown code blocks and tables that can hold any text."""

import re
from collections.abc import Sequence

from .errors import harmless


def fenced(text: str) -> str:
    """Return a text as a code block, with a fence longer than any run of backticks in the text.

    Control characters are escaped, as in `cell`, since Markdown files are shown on terminals.
    """
    text = harmless(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table with text in its first column and figures, right-aligned, in the others."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in (header, rule, *rows))


def cell(content: object) -> str:
    """Escape a cell's content, which may contain a bar, a line end or markup."""
    words = harmless(re.sub(r"\s", " ", str(content)))
    return re.sub(r"([\\|`*<>\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", words)

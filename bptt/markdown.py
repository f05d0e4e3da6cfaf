"""Markdown code blocks and tables that can hold any text."""

import re
from collections.abc import Iterator, Sequence

from .errors import harmless


def fenced(text: str, language: str = "text") -> str:
    """Return a text as a code block, with a fence longer than any run of backticks in the text.

    Control characters are escaped, as in `cell`, since Markdown files are shown on terminals.
    """
    text = harmless(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def blocks(markdown: str, language: str) -> Iterator[str]:
    """Yield the code blocks in this language; one without an end is left out.

    >>> list(blocks(fenced("seed = 1", "toml"), "toml"))
    ['seed = 1']
    """
    fence, lines = "", None
    for line in markdown.split("\n"):
        if not fence:
            opened = re.fullmatch("(`{3,})([^`]*)", line)
            if opened:
                fence, lines = opened[1], [] if opened[2].strip() == language else None
        elif re.fullmatch(f"{fence}`*", line.rstrip()):
            if lines is not None:
                yield "\n".join(lines)
            fence, lines = "", None
        elif lines is not None:
            lines.append(line)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table with text in its first column and figures, right-aligned, in the others."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in (header, rule, *rows))


def cell(content: object) -> str:
    """Escape a cell's content, which may contain a bar, a line end or markup."""
    words = harmless(re.sub(r"\s", " ", str(content)))
    return re.sub(r"([\\|`*<>\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", words)

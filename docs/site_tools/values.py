"""The values on the pages: what is computed stands in the page, beside its expression.

`<!-- = EXPRESSION -->value<!-- end -->`: the value is computed anew at each build, and
`python -m docs.site_tools.values` writes it into the pages. With `~` for `=`: likewise, but its
numbers depend on rounding errors, which differ from run to run; a value stays that `agrees` with
the new one. `<!-- site: EXPRESSION -->other<!-- end -->`: the site has the value, and who reads
the file the other. EXPRESSION is `code("dz = p.copy()", 2)`, which stands for two lines of the
reference, or a `NAME` or `NAME(arguments)` of `numbers`, `verified` or `drawing`.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from . import drawing, numbers, verified

DOCS = Path(__file__).parents[1]
HEARTS = [DOCS.parent / "reference" / name for name in ("rnn.py", "loss.py")]
NEAR = 0.15  # of a number that rounding errors decide: right digits vary by one or two
NUMBER = re.compile(r"\d+(?:\.\d+)?")
MARKED = re.compile(r"(<!-- (=|~|site:) (.+?) -->)(.*?)(<!-- end -->)", re.DOTALL)


def code(beginning: str, count: int = 1) -> str:
    """Return lines of the reference, as code in one cell of a table.

    Raises ValueError unless exactly one line begins so.
    """
    found = []
    for path in HEARTS:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        found += [
            lines[n : n + count] for n, line in enumerate(lines) if line.startswith(beginning)
        ]
    if len(found) != 1:
        raise ValueError(f"{beginning!r} begins {len(found)} lines of the reference, not one")
    return "<br>".join(f"`{line.partition('  #')[0]}`" for line in found[0])


def value(expression: str) -> str:
    """Compute an expression. Raises NameError if it names nothing."""
    names = {"code": code} | vars(numbers) | vars(drawing) | vars(verified)
    made = eval(expression, {"__builtins__": {}}, names)
    return str(made() if callable(made) else made)


def filled(page: str, compute: Callable[[str], str] = value) -> str:
    """Return the site's page: values in place of what is marked."""
    return MARKED.sub(lambda found: _like(found[4], compute(found[3])), page)


def refreshed(page: str, compute: Callable[[str], str] = value) -> str:
    """Return the page with values computed anew between their marks."""

    def fresh(found: re.Match[str]) -> str:
        if found[2] == "site:":
            return found[0]
        new = compute(found[3])
        if found[2] == "~" and agrees(found[4].strip(), new):
            return found[0]
        return f"{found[1]}{_like(found[4], new)}{found[5]}"

    return MARKED.sub(fresh, page)


def agrees(old: str, new: str) -> bool:
    """Whether two texts differ in numbers only, and in each by NEAR of it at most."""
    if NUMBER.sub("", old).split() != NUMBER.sub("", new).split():
        return False
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)
    return all(abs(float(a) - float(b)) <= NEAR * float(b) for a, b in pairs)


def _like(old: str, new: str) -> str:
    """Give a value empty lines around it if the old one stands on lines of its own."""
    return f"\n\n{new}\n\n" if old.startswith("\n") else new


def main() -> int:
    """Write fresh values and the drawing; name the pages that changed."""
    made = {path: refreshed(path.read_text(encoding="utf-8")) for path in DOCS.glob("*.md")}
    made[DOCS / "unrolled.svg"] = drawing.file()
    for path, text in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"{path.name}: new values")
    return 0


if __name__ == "__main__":
    sys.exit(main())

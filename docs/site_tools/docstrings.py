"""Docstrings of this project for Sphinx: their indented examples are code."""

from typing import Any

from sphinx.application import Sphinx


def mark_examples(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Put a directive above each indented block, and escape what reStructuredText would read."""
    made: list[str] = []
    inside = False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not inside and (not made or not made[-1].strip()):
            made += [".. code-block:: python", ""]
            inside = True
        elif inside and line.strip() and not indented:
            inside = False
        made.append(line if inside else line.replace("|", "\\|").replace("**", "\\*\\*"))
    lines[:] = made


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the change with autodoc."""
    app.connect("autodoc-process-docstring", mark_examples)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

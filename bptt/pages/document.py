"""One HTML file with its data, styles and script inside, which loads nothing."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from ..verify.checker.report.page import STYLE

# The browser itself then refuses every request, whatever the script says.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def document(title: str, body: str, data: dict[str, Any], scripts: Sequence[str]) -> str:
    """Return the HTML of a page.

    `body` is HTML. The scripts, named like "drawing.js", lie in this folder and find `data` as JSON
    in the element with the id "data".

    Raises ValueError for data with NaN or infinity, which JSON hasn't.
    """
    encoded = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    code = "\n".join(_asset(name) for name in scripts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{_asset('style.css')}</style>\n"
        f"</head>\n<body>\n{body}\n<noscript><p>This page needs JavaScript.</p></noscript>\n"
        f'<script type="application/json" id="data">{encoded}</script>\n'
        f'<script>"use strict";\n{code}</script>\n</body>\n</html>\n'
    )


def rounded(values: Any, digits: int) -> list[float]:
    """Return an array's entries, row by row, rounded to a number of significant digits."""
    return [float(f"{value:.{digits}g}") for value in np.ravel(values)]


def _asset(name: str) -> str:
    return files("bptt.pages").joinpath(name).read_text(encoding="utf-8")

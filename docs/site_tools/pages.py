"""Prepare each page: fill in what is computed, and turn links out of docs/ into names."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from . import values


def prepare(app: Sphinx, name: str, source: list[str]) -> None:
    """Fill in what is computed, and name the files that a link leads to outside docs/."""
    text = values.filled(source[0])
    text = re.sub(r"\[(`?[^\]]*`?)\]\(\.\./[^)]*\)", r"\1", text)
    if name == "README":
        for caption, pages in contents(text):
            listed = "\n".join(pages)
            text += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"
    source[0] = text


def contents(index: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the site's chapters: what the index says a page is for, and the pages."""
    for group in re.findall(r"^\| [^|\n]+ \|.*\n(?:\| \|.*\n)*", index, re.MULTILINE):
        pages = re.findall(r"\]\(([\w-]+)\.md\)", group)
        if pages:
            yield group.split("|")[1].strip().capitalize(), pages


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Let index.html lead to the first page."""
    if error is None:
        page = '<!doctype html><meta http-equiv="refresh" content="0; url=README.html">'
        Path(app.outdir, "index.html").write_text(page, encoding="utf-8")


def check_links(app: Sphinx, error: Exception | None) -> None:
    """Raise ExtensionError unless each link leads somewhere, and no page loads from elsewhere."""
    if error is not None:
        return
    texts = {path: path.read_text(encoding="utf-8") for path in Path(app.outdir).rglob("*.html")}
    broken = [f"{page.name}: {link}" for page in texts for link in broken_links(page, texts)]
    if broken:
        raise ExtensionError(f"links that lead nowhere: {', '.join(broken)}")


def broken_links(page: Path, texts: dict[Path, str]) -> Iterator[str]:
    """Yield what a page links to or loads, and isn't there."""
    for kind, link in re.findall(r'[ \n](href|src)="([^"]*)"', texts[page]):
        name, _, fragment = unquote(html.unescape(link)).partition("#")
        if re.match(r"[a-z]+:", name):
            if kind == "src":
                yield link
            continue
        target = (page.parent / name.partition("?")[0]).resolve() if name else page
        found = target in texts if fragment else target.exists()
        if not found or (fragment and f'id="{html.escape(fragment)}"' not in texts[target]):
            yield link


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the preparation with Sphinx."""
    app.connect("source-read", prepare)
    app.connect("build-finished", add_index)
    app.connect("build-finished", check_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

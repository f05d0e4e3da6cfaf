"""README.md and docs/: links lead somewhere, code that is shown is the code, and brevity."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
LONGEST = 250  # lines of the README


def anchors(page: Path) -> set[str]:
    """Return the fragments that headings can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def missing(page: Path, text: str) -> list[str]:
    """Return the links in a page's text that lead to no file or to no heading."""
    found = []
    for link in re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'href="([^"]+)"', text):
        name, _, fragment = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_or_a_heading(page: Path) -> None:
    assert missing(page, page.read_text(encoding="utf-8")) == []


def test_link_to_nothing_would_be_seen() -> None:
    text = "[a](docs/nothing.md) [b](#nothing) [c](#start) [d](docs/README.md)"
    assert missing(README, text) == ["docs/nothing.md", "#nothing"]


def test_index_of_docs_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"({page.name})" not in index] == ["README.md"]


@pytest.mark.parametrize(("place", "folder"), [(0, "reference"), (1, "torch_impl")])
def test_lines_shown_of_both_twins_are_theirs(place: int, folder: str) -> None:
    shown = README.read_text(encoding="utf-8").split("<tr><td>")[1].split("</td></tr>")[0]
    blocks = re.findall(r"```python\n(.*?)```", shown, re.DOTALL)
    code = (ROOT / folder / "rnn.py").read_text(encoding="utf-8")
    lines = {line.partition("  #")[0].strip() for line in code.splitlines()}
    assert [
        line
        for line in blocks[place].splitlines()
        if line.strip() not in lines and not line.startswith("#")
    ] == []


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST

"""README.md and docs/: links lead somewhere, code that is shown is the code, and brevity."""

import html
import re
import shlex
from collections.abc import Callable
from difflib import unified_diff
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from markdown_it import MarkdownIt

from bptt.cli import app

from .campaigns.commands.shown import PAGES, README, ROOT, commands, targets

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


# Of the values, those for which the verifier searches for seconds.
SLOW = ("verified", "graded_without_time", "graded_without_transpose")


@pytest.fixture
def values(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    return import_module("site_tools.values")


def outdated(values, compute: Callable[[str, str], str]) -> dict[str, list[str]]:
    """Return the lines of each page that aren't as computed."""

    def refreshed(text: str) -> str:
        shown = {
            expression: old.strip() for _, _, expression, old, _ in values.MARKED.findall(text)
        }
        return values.refreshed(text, lambda expression: compute(expression, shown[expression]))

    texts = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
    pairs = ((name, refreshed(text).splitlines(), text) for name, text in texts.items())
    return {
        name: lines
        for name, made, text in pairs
        if (lines := list(unified_diff(text.splitlines(), made, n=0)))
    }


def test_values_shown_are_those_computed(values) -> None:
    assert outdated(values, lambda e, old: old if e in SLOW else values.value(e)) == {}
    assert outdated(values, lambda e, old: f"{old} and more").keys() == {
        "bptt.md", "questions.md", "write_it_yourself.md",
    }  # fmt: skip


@pytest.mark.campaign
def test_values_of_long_searches_are_those_computed(values) -> None:
    assert outdated(values, lambda e, _: values.value(e)) == {}


def test_numbers_that_rounding_decides_may_differ_a_little_and_words_may_not(values) -> None:
    page = "<!-- ~ it -->14 cases: 13.4 digits<!-- end -->"
    for new in ("14 cases: 12.4 digits", "13 cases: 13.4 digits"):
        assert values.refreshed(page, lambda _, new=new: new) == page
    for new in (
        "14 cases: 11.0 digits",
        "9 cases: 13.4 digits",
        "14 cases: 13.4",
        "14 cases: 13.4 digits of 16.0",
    ):
        expected = page.replace("14 cases: 13.4 digits", new)
        assert values.refreshed(page, lambda _, new=new: new) == expected


def damaged(text: str) -> list[str]:
    """Return the formulas of a page that Markdown changes before GitHub's MathJax sees them."""
    made = MarkdownIt("commonmark").enable("table").render(text)
    read = html.unescape(re.sub(r"<code.*?</code>|<[^>]*>", "", made, flags=re.DOTALL))
    text = re.sub(r"^```.*?^```|`[^`]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    pairs = re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", text)
    return [one for pair in pairs for one in pair if one not in read]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_formulas_pass_through_markdown(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert damaged(text) == []
    # The fence of a directive would be shown as code.
    assert "```{" not in text or page.name == "api.md"


def test_formula_that_markdown_changes_would_be_seen() -> None:
    text = "| $a\\, b$ |\n|---|\n\n$p_t[y]$, $a_{t-1}$, `$a\\, b$`, $$(x)_{y}(x)_{y}$$ $[a](b)$"
    assert damaged(text) == ["a\\, b", "(x)_{y}(x)_{y}", "[a](b)"]


def test_drawing_is_the_one_in_the_file(values) -> None:
    assert (ROOT / "docs" / "unrolled.svg").read_text(encoding="utf-8") == values.drawing.file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_line_of_a_paragraph_begins_with_a_mark(page: Path) -> None:
    # It would begin a block of HTML, in which Markdown isn't read.
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^ *(?:[-*] |\d+\. )?(<!-- [=~s].*?-->(?=.))", text, re.MULTILINE) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_rows_of_a_table_have_its_columns(page: Path) -> None:
    columns = 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        found = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert 0 in (columns, found) or found == columns, f"line {number} of {page}"
        columns = found


def refused(command: str) -> str:
    """Return why a command line isn't one of this project; "" for a right one. Runs nothing."""
    words = [word for word in shlex.split(command) if "=" not in word or "-" in word]
    program, *rest = [word.removeprefix(".venv/bin/") for word in words]
    if program == "make":
        return " ".join(sorted({word for word in rest if word[0].isalpha()} - targets()))
    if program == "python":
        name = rest[1]
        own = name.split(".")[0] in ("bptt", "tests", "benchmarks")
        return "" if not own or find_spec(name) else f"no module {name}"
    if program != "bptt" or not rest or rest[0].startswith("-"):
        return ""
    group = typer.main.get_command(app)
    command_class = group.get_command(typer.Context(group), rest[0])  # type: ignore[attr-defined]
    if command_class is None:
        return f"no command {rest[0]}"
    options = {
        option for one in command_class.params for option in (*one.opts, *one.secondary_opts)
    }
    given = {word.split("=")[0] for word in shlex.split(command) if word[:2] == "--"}
    return " ".join(sorted(given - options - {"--help"}))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_shown_are_commands_of_this_project(page: Path) -> None:
    assert {line: why for line in commands(page) if (why := refused(line))} == {}


def test_command_that_is_none_would_be_seen() -> None:
    assert refused("bptt trian novel.txt") == "no command trian"
    assert refused("bptt train novel.txt --engin fast") == "--engin"
    assert refused("make tset") == "tset"
    assert refused("make false-alarm") == "false-alarm"
    assert refused("python -m tests.campaigns.plantet") == "no module tests.campaigns.plantet"
    assert refused("bptt train novel.txt --engine fast") == ""
    assert sum(len(commands(page)) for page in PAGES) > 90


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST

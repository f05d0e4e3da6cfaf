"""The command lines and the Python blocks that README.md and the pages of docs/ show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
# A line or a span that begins so is a command; other programs' names alone are not.
PROGRAM = re.compile(
    r"(?:\w+=\S+ )*(?:\.venv[/\\](?:bin|Scripts)[/\\])?"
    r"(?:(?:bptt|make)(?: |$)|(?:python3?|py|pip|pytest|torchrun|git|tensorboard|ruff) )"
)
FENCE = re.compile(r"\s*(```+|~~~+)\s*(.*)")


@dataclass
class Block:
    """Some lines of a page: of a block of code, or (language None) a paragraph of prose."""

    line: int  # of the first one, from 1
    language: str | None
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Program:
    """A Python block of a page."""

    page: str
    line: int
    code: str

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line} (Python)"

    @property
    def first_line(self) -> str:
        return self.code.splitlines()[0]


def blocks(text: str) -> Iterator[Block]:
    """Yield a page's blocks of code, and the paragraphs between them."""
    block, fence = Block(1, None), ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = FENCE.fullmatch(line)
        if mark and (not fence or (mark[1].startswith(fence) and not mark[2])):
            yield block
            block = Block(number + 1, None if fence else mark[2].strip())
            fence = "" if fence else mark[1]
        elif not fence and not line.strip():
            yield block
            block = Block(number + 1, None)
        else:
            block.lines.append(line)
    yield block


def targets() -> set[str]:
    """Return the Makefile's targets."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([\w-]+):", text, re.MULTILINE))


def in_prose(paragraph: str) -> list[str]:
    """Return the commands between backticks; after `make test`, `lint` is `make lint`."""
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", paragraph)]
    found, making = [], False
    for span in spans:
        making |= span.startswith("make ")
        if PROGRAM.match(span):
            found.append(span)
        elif making and span in targets():
            found.append(f"make {span}")
    return found


def in_code(lines: list[str]) -> list[str]:
    """Return the command lines of a block, without prompts and comments."""
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    shown = [line.strip().removeprefix("$ ") for line in joined.splitlines()]
    return [re.sub(r"\s+# .*", "", line) for line in shown if PROGRAM.match(line)]


def commands(page: Path) -> list[str]:
    """Return the command lines that a page shows, in blocks of code and between backticks."""
    found: list[str] = []
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language is None:
            found += in_prose("\n".join(block.lines))
        elif block.language != "python" and not block.language.startswith("{"):
            found += in_code(block.lines)
    return list(dict.fromkeys(found))


def programs(page: Path) -> list[Program]:
    """Return the Python blocks of a page."""
    name = str(page.relative_to(ROOT))
    return [
        Program(name, block.line, "\n".join(block.lines) + "\n")
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "python"
    ]


def all_commands() -> dict[str, list[str]]:
    """Return each command line with the pages that show it."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        for command in commands(page):
            found.setdefault(command, []).append(str(page.relative_to(ROOT)))
    return found


def all_programs() -> list[Program]:
    return [program for page in PAGES for program in programs(page)]

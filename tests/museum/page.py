"""The results as the tables of docs/museum.md."""

import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .checkers import CHECKERS, TITLES
from .collection import EXHIBITS
from .running import FALSE_ALARM, FOUND, MISSED, NOT_APPLICABLE, Result

START = (
    "<!-- The rest of this page is written by `python -m tests.museum --page docs/museum.md`. -->"
)
SHOWN = {FOUND: "found", MISSED: "–", FALSE_ALARM: "**false alarm**", NOT_APPLICABLE: "n/a"}


def with_results(page: Path, made: Sequence[Result]) -> None:
    """Replace what follows the mark in the page by tables of these results."""
    before = page.read_text(encoding="utf-8").partition(START)[0]
    page.write_text(before + START + "\n\n" + tables(made), encoding="utf-8")


def tables(made: Sequence[Result]) -> str:
    """Return totals, results by exhibit, and the exhibits with their sources, as Markdown."""
    checkers = [name for name in CHECKERS if any(r.checker == name for r in made)]
    by_exhibit = {(r.exhibit, r.checker): r for r in made}
    shown = [e for e in EXHIBITS if (e.name, checkers[0]) in by_exhibit]
    lines = ["## Results", "", f"{len(shown)} exhibits, {versions()}.", ""]
    lines += ["| checker | found | missed | false alarms | seconds |", "|---|---|---|---|---|"]
    for checker in checkers:
        counts = Counter(r.outcome for r in made if r.checker == checker)
        seconds = sum(r.seconds for r in made if r.checker == checker)
        cells = [counts[FOUND], counts[MISSED], counts[FALSE_ALARM], f"{seconds:.0f}"]
        lines.append(f"| {checker}: `{TITLES[checker]}` | " + " | ".join(map(str, cells)) + " |")
    lines += ["", "| exhibit | " + " | ".join(checkers) + " | bptt finds it by |"]
    lines.append("|---" * (len(checkers) + 2) + "|")
    for exhibit in shown:
        cells = [SHOWN[by_exhibit[exhibit.name, checker].outcome] for checker in checkers]
        ours = by_exhibit.get((exhibit.name, "bptt"))
        how = how_found(ours) if ours else ""
        lines.append(f"| {exhibit.name} | " + " | ".join(cells) + f" | {how} |")
    lines += ["", "## Exhibits", ""]
    for kind in dict.fromkeys(exhibit.kind for exhibit in shown):
        lines += [f"### {kind.capitalize()}", "", "| exhibit | source | |", "|---|---|---|"]
        lines += [
            f"| {e.name} | {e.source} ({e.year}) | {e.what} |" for e in shown if e.kind == kind
        ]
        lines.append("")
    return "\n".join(lines)


def how_found(ours: Result) -> str:
    """Return what of bptt found the bug, in a few words."""
    if ours.outcome != FOUND:
        return ""
    if "expected shape" in ours.reason:
        return "shape of the gradient"
    checks = ours.reason.split(", ")
    return ", ".join(checks[:2]) + (f" and {len(checks) - 2} more" if len(checks) > 2 else "")


def versions() -> str:
    """Return the versions of the libraries whose checkers are compared."""
    found = [f"Python {platform.python_version()}"]
    for package, title in (("torch", "PyTorch"), ("jax", "JAX"), ("autograd", "HIPS autograd")):
        try:
            found.append(f"{title} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)

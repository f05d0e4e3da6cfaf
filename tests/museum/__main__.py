"""`python -m tests.museum`: every checker looks at every exhibit, wrong and right.

The exit status is 1 if bptt misses a bug or raises an alarm about a right version.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .checkers import CHECKERS, TITLES
from .collection import EXHIBITS
from .page import with_results
from .running import FALSE_ALARM, FOUND, MISSED, NOT_APPLICABLE, Result, results

NAME, CELL = 31, 8
SHOWN = {FOUND: "found", MISSED: "-", FALSE_ALARM: "ALARM", NOT_APPLICABLE: "n/a"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    known = [exhibit.name for exhibit in EXHIBITS]
    if options.list:
        for exhibit in EXHIBITS:
            print(f"{exhibit.name}: {exhibit.source} ({exhibit.year})\n    {exhibit.what}")
        return 0
    chosen = [name for name in known if any(word in name for word in options.only or [""])]
    if not chosen:
        print(f"--only: expected a part of a name (see --list), got {options.only}")
        return 2
    checkers = options.checker or list(CHECKERS)
    for checker in checkers:
        print(f"{checker + ':':9}{TITLES[checker]}")
    print(f"\n{'':{NAME}}" + "".join(f"{checker:>{CELL}}" for checker in checkers), flush=True)
    made: list[Result] = []
    for result in results(chosen, checkers):
        if result.checker == checkers[0]:
            print(f"{result.exhibit[: NAME - 1]:{NAME}}", end="")
        end = "\n" if result.checker == checkers[-1] else ""
        print(f"{SHOWN[result.outcome]:>{CELL}}", end=end, flush=True)
        made.append(result)
    print("\n" + "\n".join(totals(made, checkers)))
    if options.json:
        written = json.dumps([asdict(result) for result in made], indent=1)
        options.json.write_text(written + "\n", encoding="utf-8")
    if options.page:
        with_results(options.page, made)
    failures = [r for r in made if r.checker == "bptt" and r.outcome != FOUND]
    for failure in failures:
        print(f"bptt, {failure.exhibit}: {failure.outcome} ({failure.reason})")
    return 1 if failures else 0


def totals(made: Sequence[Result], checkers: Sequence[str]) -> list[str]:
    """Return a line for each kind of outcome, and one of the seconds."""
    lines = []
    for outcome in (FOUND, MISSED, FALSE_ALARM, NOT_APPLICABLE):
        counts = Counter(result.checker for result in made if result.outcome == outcome)
        title = {FALSE_ALARM: "false alarm"}.get(outcome, outcome)
        cells = "".join(f"{counts[checker]:>{CELL}}" for checker in checkers)
        lines.append(f"{title:{NAME}}{cells}")
    seconds = (sum(r.seconds for r in made if r.checker == checker) for checker in checkers)
    return [*lines, f"{'seconds':{NAME}}" + "".join(f"{s:>{CELL}.0f}" for s in seconds)]


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.museum", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the exhibits with their sources")
    parser.add_argument("--only", action="append", metavar="NAME", help="a part of a name")
    parser.add_argument("--checker", action="append", choices=CHECKERS, help="only this checker")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results for programs")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="put the results into docs/museum.md"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

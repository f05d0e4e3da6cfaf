"""The campaign: runs every command and every Python block of README.md and docs/.

python -m tests.campaigns.commands [PART ...]

In a folder that looks like a fresh clone, each in a copy of its own; as changes.py says, so that it
takes seconds. Exit status 1 if one failed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from . import clone
from .changes import CHANGES, NOT_RUN, Change
from .frames import PIECES
from .running import run
from .shown import all_commands, all_programs


def main(parts: list[str], *, only_list: bool) -> int:
    excluded = NOT_RUN | {
        one.name: PIECES[one.first_line] for one in all_programs() if one.first_line in PIECES
    }
    shown = [*all_commands(), *all_programs()]
    names = {one: one if isinstance(one, str) else one.name for one in shown}
    chosen = [
        one for one in shown
        if names[one] not in excluded and (not parts or any(part in names[one] for part in parts))
    ]  # fmt: skip
    failed = 0
    with tempfile.TemporaryDirectory(prefix="bptt-commands-") as name:
        folder = Path(name)
        original = folder if only_list else clone.make(folder)
        for one in chosen:
            change = CHANGES.get(names[one], Change())
            ran = change.applied(one) if isinstance(one, str) else names[one]
            print(names[one] + (f"\n    as {ran}" if ran != names[one] else ""), flush=True)
            if only_list:
                continue
            outcome = run(one, change, original, folder)
            failed += bool(outcome.failure)
            said = f"FAILED: {outcome.failure}" if outcome.failure else "passed"
            print(f"    {said}, {outcome.seconds:.1f} s", flush=True)
            print("".join(f"        {line}\n" for line in outcome.tail.splitlines()), end="")
    if not parts:
        print("\nNot run:")
        print(*(f"    {command}: {reason}" for command, reason in excluded.items()), sep="\n")
    if only_list:
        return 0
    print(f"\n{len(chosen)} commands and blocks, {failed} failed; {len(excluded)} aren't run")
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.commands", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="only what has this in its name")
    parser.add_argument(
        "--list", action="store_true", help="say what would be run, and run nothing"
    )
    options = parser.parse_args()
    sys.exit(main(options.parts, only_list=options.list))

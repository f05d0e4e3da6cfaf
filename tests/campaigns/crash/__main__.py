"""The campaign: power cuts, failing calls, stops after every iteration, numbers of processes.

python -m tests.campaigns.crash, or with the names of some of its parts.
"""

import argparse
import sys
import time
from pathlib import Path

from ...kinds import KINDS
from . import elastic
from .failures import ERRORS, Failures, failing_calls, missing_memory
from .power_cuts import described, power_cuts
from .recording import read_tree
from .scenarios import COMMANDS, MEMORY, SCENARIOS, prepare_text, surroundings
from .stops import stopped_always, stopped_once


def try_power_cuts(options: argparse.Namespace) -> bool:
    total = lost = operations = 0
    for scenario in SCENARIOS:
        with surroundings() as folder:
            tried = power_cuts(scenario, folder, every=options.every)
            before = read_tree(folder)
        total, lost = total + tried.states, lost + len(tried.losses)
        operations += tried.operations
        print(
            f"{scenario.name}: {tried.operations} operations, {tried.states} states of the disk, "
            f"{tried.states - len(tried.losses)} ended in the same bytes",
            flush=True,
        )
        for loss in tried.losses[:5]:
            print(*described(loss, before), sep="\n")
    print(f"power cuts: {total} states after {operations} operations, {lost} lost something")
    return not lost


def try_failures(options: argparse.Namespace) -> bool:
    right = True
    for name, arguments in COMMANDS.items():
        with surroundings() as folder:
            prepare_text(folder)
            before = read_tree(folder)
            found = failing_calls(arguments, folder, before, ERRORS, options.every)
        right &= _told(f"failing calls, {name}", found)
    arguments = COMMANDS["train"]
    with surroundings() as folder:
        prepare_text(folder)
        found = missing_memory(arguments, folder, read_tree(folder))
    return _told("memory that can't be had", found) and right


def _told(what: str, found: Failures) -> bool:
    print(
        f"{what}: {found.calls}, of which {found.stopped} ended the command with an error and "
        f"{found.calls - found.stopped} did not matter; {len(found.wrong)} wrong",
        flush=True,
    )
    for failed, wrong in found.wrong[:20]:
        print(f"    {failed}: {wrong}")
    return not found.wrong


def try_stops(options: argparse.Namespace) -> bool:
    right = True
    for kind in KINDS[options.first :]:
        begun = time.monotonic()
        with surroundings() as folder:
            wrong = stopped_once(kind, options.iterations, folder)
        with surroundings() as folder:
            same = stopped_always(kind, options.iterations, folder)
        right &= same and not wrong
        print(
            f"{kind}: {options.iterations - 1} runs stopped once, {len(wrong)} ended otherwise "
            f"{wrong}; one stopped after every iteration "
            f"{'ended in the same bytes' if same else 'ended otherwise'} "
            f"({time.monotonic() - begun:.0f} s)",
            flush=True,
        )
    return right


def try_processes(options: argparse.Namespace) -> bool:
    right = True
    for kind in elastic.KINDS:
        for numbers in elastic.PROCESSES:
            with surroundings() as folder:
                same = elastic.is_elastic(kind, numbers, folder)
            right &= same
            print(f"processes {numbers}, {kind}: {'the same' if same else 'OTHER'} bytes")
    return right


PARTS = {
    "power-cuts": try_power_cuts,
    "failures": try_failures,
    "stops": try_stops,
    "processes": try_processes,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.crash", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--every", type=int, default=1, help="Try every n-th state or call only.")
    parser.add_argument("--iterations", type=int, default=200, help="Iterations of stopped runs.")
    parser.add_argument("--first", type=int, default=0, help="The first kind of run to stop.")
    options = parser.parse_args()
    if not MEMORY.is_dir() or not Path("/proc/self/fd").is_dir():
        sys.exit(f"error: needs {MEMORY} and /proc/self/fd, as on Linux")
    results = [PARTS[part](options) for part in options.parts or PARTS]
    sys.exit(not all(results))


if __name__ == "__main__":
    main()

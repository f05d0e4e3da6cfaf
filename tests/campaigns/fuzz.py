"""A campaign: damaged files of every kind that the program reads.

A loader must refuse them with an InputError or come to something that passes its checks: no other
exception, no memory that grows, nothing that takes long. python -m tests.campaigns.fuzz
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from bptt.errors import InputError

from .loaders import Loader, loaders

ROOM = 2**29  # bytes of addresses beyond what the process has when it begins


@dataclass
class Tally:
    files: int = 0
    refused: int = 0
    accepted: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)


def fuzz(loaders: list[Loader], files: int, seed: int, kept: Path | None) -> dict[str, Tally]:
    """Give each loader its share of the files; keep those that it fails on in `kept`."""
    tallies = {loader.name: Tally() for loader in loaders}
    rng = random.Random(seed)
    for number in range(files):
        loader = loaders[number % len(loaders)]
        tally = tallies[loader.name]
        content = loader.mutate(rng)
        begun = time.perf_counter()
        tally.files += 1
        try:
            loader.load(content, rng)
            tally.accepted += 1
        except InputError as error:
            str(error)
            tally.refused += 1
        except Exception:  # everything else is what the campaign looks for
            tally.failures.append(f"{loader.name}, file {number}: {traceback.format_exc()}")
            if kept is not None:
                (kept / f"{number}").write_bytes(content)
        tally.slowest = max(tally.slowest, time.perf_counter() - begun)
    return tallies


def limit_memory(room: int) -> None:
    """Limit the address space to this many bytes more than are in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, hard))


def report(tallies: dict[str, Tally]) -> str:
    lines = [f"{'loader':20}{'files':>9}{'refused':>9}{'accepted':>9}{'failed':>8}{'slowest':>10}"]
    for name, tally in tallies.items():
        lines.append(
            f"{name:20}{tally.files:9,}{tally.refused:9,}{tally.accepted:9,}"
            f"{len(tally.failures):8,}{1e3 * tally.slowest:7.0f} ms"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for files that a loader failed on")
    arguments = parser.parse_args()
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        os.environ["BPTT_CACHE"] = f"{folder}/cache"
        made = loaders(Path(folder))
        fuzz(made, 10 * len(made), arguments.seed + 1, None)
        limit_memory(ROOM)
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        tallies = fuzz(made, arguments.files, arguments.seed, arguments.keep)
    took = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(report(tallies))
    print(
        f"{arguments.files:,} files, {arguments.files / took:,.0f} a second; peak memory "
        f"{peak / 1024:,.0f} MB, {before / 1024:,.0f} MB before the first"
    )
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    print("\n".join(failures[:20]))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()

"""The same run for several seeds, and what they come to together."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from . import corpora, curve_plots, drawing, log, run_folder, running, seeds_card, side_by_side
from .corpora import STANDARD_INPUT
from .errors import InputError, explained
from .seeds_folder import Seeds, SeedsFolder, Summary, is_finished


def begin(
    source: str | None, given: dict[str, Any], number: int, out: Path | None, jobs: int
) -> SeedsFolder:
    """Make a run for each of `number` seeds, from the one that is given, and carry them out.

    Raises and leaves as running.begin does; a seed that fails doesn't keep the others from ending.
    """
    folder = make(source, given, number, out)
    carry_out(folder, None, jobs)
    return folder


def make(source: str | None, given: dict[str, Any], number: int, out: Path | None) -> SeedsFolder:
    """Make the folder with all runs at their beginning, whole or not at all."""
    if source == STANDARD_INPUT:
        raise InputError("--seeds reads its text many times: name a file, not standard input")
    first = running.checked(given)
    seeds = list(range(first.seed, first.seed + number))
    running.checked(given | {"seed": seeds[-1]})
    if out is None:
        name = corpora.find(source or corpora.DEFAULT, first.encoding).name
        out = run_folder.next_free(f"{name}-seeds")
    with run_folder.made_aside(out) as aside:
        folder = SeedsFolder(aside)
        for seed in seeds:
            running.make(source, given | {"seed": seed}, folder.run(seed).path)
        folder.write_seeds(Seeds(seeds=seeds))
    return SeedsFolder(out)


def go_on(path: Path, source: str | None, given: dict[str, Any], jobs: int) -> SeedsFolder:
    """Take up every seed that isn't finished; all of them, where something is given."""
    folder = SeedsFolder(path)
    folder.read()
    if given:
        with run_folder.held(folder.lock):
            folder.summary.unlink(missing_ok=True)
            for run in folder.runs():
                with run.held():
                    running.take_up(run, source, given)
    carry_out(folder, source, jobs)
    return folder


def carry_out(folder: SeedsFolder, source: str | None, jobs: int) -> None:
    """Train what isn't finished, `jobs` at a time, and write what all came to."""
    console = Console(highlight=False, soft_wrap=True)
    with run_folder.held(folder.lock):
        waiting = [seed for seed in folder.read().seeds if not is_finished(folder.run(seed))]
        try:
            if jobs == 1:
                failed = _one_by_one(folder, waiting, source, console)
            else:
                failed = side_by_side.run(folder, waiting, source, jobs, console)
        except SystemExit:
            console.print(f"Go on with all seeds: bptt train --resume {folder.path}", markup=False)
            raise
        if failed:
            raise InputError(
                f"{len(failed)} of {len(folder.read().seeds)} seeds failed: {'; '.join(failed)}. "
                f"Go on with: bptt train --resume {folder.path}"
            )
        finish(folder, console)


def _one_by_one(
    folder: SeedsFolder, seeds: list[int], source: str | None, console: Console
) -> list[str]:
    failed = []
    for seed in seeds:
        run = folder.run(seed)
        console.print(f"Seed {seed}: {run.path}", style="bold", markup=False)
        try:
            running.go_on(run.path, source, {})
        except InputError as error:
            print(f"seed {seed} failed: {error}", file=sys.stderr)
            failed.append(f"seed {seed} ({error})")
    return failed


def finish(folder: SeedsFolder, console: Console) -> None:
    """Write summary.json, card.md and seeds.png."""
    summary = folder.summarize()
    runs = folder.runs()
    config = runs[0].read_config()
    logs = [log.read(run.log, log.Entry) for run in runs]
    with explained("write in", folder.path):
        folder.write_summary(summary)
        folder.write_card(seeds_card.of_seeds(folder, config, summary))
    drawing.write(folder.plot, lambda: curve_plots.seeds(logs, summary.seeds, config))
    console.print(said(folder, summary), markup=False)


def said(folder: SeedsFolder, summary: Summary) -> str:
    lines = [
        f"{name}: {spread} bits per character over {summary.n} seeds"
        for name in ("validation", "test")
        if (spread := getattr(summary, name)) is not None
    ]
    lines = lines or [f"training: {summary.smoothed} bits per character over {summary.n} seeds"]
    written = (folder.summary, folder.plot, folder.card)
    lines.append(f"{folder.path} holds {', '.join(path.name for path in written)} and the runs.")
    return "\n".join(lines)

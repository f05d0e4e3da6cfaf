"""The same run with several seeds, and the results of all of them together."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from .. import figures, files, terminal
from ..errors import InputError, explained
from ..runs import folder as run_folder
from ..runs import log
from ..sessions import lifecycle
from ..text import corpora
from ..text.corpora import STANDARD_INPUT
from ..text.library import Library
from . import curve_plots, seeds_card
from . import jobs as side_by_side
from .seeds_folder import Seeds, SeedsFolder, Summary, is_finished


def begin(
    source: str | None,
    given: dict[str, Any],
    number: int,
    out: Path | None,
    jobs: int,
    library: Library | None = None,
) -> SeedsFolder:
    """Make a run for each of `number` seeds, counted from the given one, and train them.

    `source` and `given` are as in lifecycle.begin, `jobs` is the number of processes. Raises and
    exits as lifecycle.begin; a seed that fails doesn't stop the others.
    """
    library = library or Library()
    folder = make(source, given, number, out, library)
    train_all(folder, None, jobs, library)
    return folder


def make(
    source: str | None,
    given: dict[str, Any],
    number: int,
    out: Path | None,
    library: Library | None = None,
) -> SeedsFolder:
    """Make the folder with all runs before their first iterations, completely or not at all."""
    library = library or Library()
    if source == STANDARD_INPUT:
        raise InputError("--seeds reads its text many times: name a file, not standard input")
    first = lifecycle.checked(given)
    seeds = list(range(first.seed, first.seed + number))
    lifecycle.checked(given | {"seed": seeds[-1]})
    if out is None:
        text = library.open(source or corpora.DEFAULT, first.encoding, first.units)
        out = run_folder.next_free(f"{text.name}-seeds")
    with run_folder.made_aside(out) as aside:
        folder = SeedsFolder(aside)
        for seed in seeds:
            lifecycle.make(source, given | {"seed": seed}, folder.run(seed).path, library=library)
        folder.write_seeds(Seeds(seeds=seeds))
    return SeedsFolder(out)


def resume(path: Path, source: str | None, given: dict[str, Any], jobs: int) -> SeedsFolder:
    """Resume every seed that isn't finished; all of them, if settings are given."""
    library = Library()
    folder = SeedsFolder(path)
    folder.read()
    if given:
        with run_folder.held(folder.lock):
            with explained("remove", folder.summary):
                files.remove(folder.summary)
            for run in folder.runs():
                with run.held():
                    lifecycle.restored(run, source, given, library=library)
    train_all(folder, source, jobs, library)
    return folder


def train_all(
    folder: SeedsFolder, source: str | None, jobs: int, library: Library | None = None
) -> None:
    """Train the unfinished runs, `jobs` at a time, and write the results of all."""
    console = terminal.console()
    with run_folder.held(folder.lock):
        folder.refuse_different()
        waiting = [seed for seed in folder.read().seeds if not is_finished(folder.run(seed))]
        try:
            if jobs == 1:
                failed = _one_by_one(folder, waiting, source, console, library or Library())
            else:
                failed = side_by_side.run(folder, waiting, source, jobs, console)
        except SystemExit:
            terminal.advise(console, "Resume all seeds with", f"bptt train --resume {folder.path}")
            raise
        if failed:
            raise InputError(
                f"{len(failed)} of {len(folder.read().seeds)} seeds failed: {'; '.join(failed)}. "
                f"Resume with: bptt train --resume {folder.path}"
            )
        finish(folder, console)


def _one_by_one(
    folder: SeedsFolder, seeds: list[int], source: str | None, console: Console, library: Library
) -> list[str]:
    failed = []
    for number, seed in enumerate(seeds, 1):
        run = folder.run(seed)
        heading = f"Seed {seed}, {number} of {len(seeds)} to train: {run.path}"
        console.print(heading, style="bold", markup=False)
        try:
            lifecycle.resume(run.path, source, {}, library=library)
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
    figures.write(folder.plot, lambda: curve_plots.seeds(logs, summary.seeds, config))
    console.print(said(folder, summary), markup=False)


def said(folder: SeedsFolder, summary: Summary) -> str:
    """Return the summary that is printed."""
    lines = [
        f"{name}: {spread} bits per character over {summary.n} seeds"
        for name in ("validation", "test")
        if (spread := getattr(summary, name)) is not None
    ]
    lines = lines or [f"training: {summary.smoothed} bits per character over {summary.n} seeds"]
    written = (folder.summary, folder.plot, folder.card)
    lines.append(f"{folder.path} holds {', '.join(path.name for path in written)} and the runs.")
    return "\n".join(lines)

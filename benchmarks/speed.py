"""`python -m benchmarks speed`: engines that compute the same results, compared in turn."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bptt.errors import InputError
from bptt.text import corpora

from .harness import registry
from .harness.folder import prepared
from .harness.machine import describe, load
from .harness.profiles import PROFILES
from .harness.progress import Progress
from .report import report
from .workloads.suite import WORKLOADS, Settings, Suite


def chosen(given: list[str], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return the chosen names; each item of `given` may hold several with commas, none means all.

    `what` is what error messages call a name. Raises InputError for an unknown name.
    """
    names = [name for part in given for name in part.split(",")]
    for name in names:
        if name not in known:
            raise InputError(f"no {what} is called {name!r} (there are: {', '.join(known)})")
    return tuple(name for name in known if not names or name in names)


def settings(
    profile: str,
    only: list[str],
    engine: list[str],
    corpus: str,
    threads: list[int],
    repeats: int | None,
    seed: int,
) -> Settings:
    """Return the checked settings. Raises InputError for what can't be measured."""
    (name,) = chosen([profile], tuple(PROFILES), "profile")
    sizes = PROFILES[name]
    if repeats is not None:
        sizes = sizes.repeated(repeats)
    loaded = corpora.load(corpus)
    least = sizes.T * 20
    if len(loaded.text) < least or len(set(loaded.text)) < 2:
        raise InputError(
            f"{loaded.name}: expected at least {least} characters of at least two kinds, "
            f"got {len(loaded.text)} of {len(set(loaded.text))}"
        )
    cores = os.cpu_count() or 1
    for count in threads:
        if not 1 <= count <= cores:
            raise InputError(f"--threads must be 1 to {cores} (this machine's cores), got {count}")
    layer = tuple(threads) or ((1, 2) if cores > 1 else (1,))
    others = tuple(threads) or (1,)
    names = registry.names()
    return Settings(
        profile=sizes,
        profile_name=name,
        corpus=loaded,
        workloads=chosen(only, WORKLOADS, "workload"),
        engines=set(chosen(engine, names, "engine")) if engine else set(),
        threads={workload: layer if workload == "layer" else others for workload in WORKLOADS},
        seed=seed,
    )


def speed(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")],
    profile: Annotated[
        str, typer.Option("--profile", metavar="|".join(PROFILES), help="How much is measured.")
    ] = "quick",
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="|".join(WORKLOADS),
            help="Workload to run (default: all); repeatable.",
        ),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            "--engine", metavar="NAME", help="Engine to measure (default: all); repeatable."
        ),
    ] = None,
    corpus: Annotated[
        str, typer.Option("--corpus", metavar="CORPUS", help="A text file or a built-in corpus.")
    ] = corpora.DEFAULT,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            "--threads",
            metavar="N",
            help="Number of threads; repeatable. [default: 1, for layers 1 and 2]",
            show_default=False,
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            "--repeats", metavar="N", min=2, help="Number of rounds. [default: the profile's]"
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Seed of the order of the engines in each round."),
    ] = 0,
) -> None:
    """Compare the speed of engines that compute the same results.

    Each runs in a process of its own. They take turns in rounds, and with them the limit, a lower
    bound from what this machine's processor and caches can do. DIR gets results.md with the tables,
    results.json, rounds.csv with every measurement, and pictures.
    """
    asked = settings(profile, only or [], engine or [], corpus, threads or [], repeats, seed)
    folder = prepared(out)
    console = Console(highlight=False, soft_wrap=True)
    began, started = time.perf_counter(), time.strftime("%Y-%m-%d %H:%M:%S %z")
    before = load()
    with Progress(console) as progress, Suite(asked, progress) as suite:
        for _ in suite.run():
            # Written after each workload, so that an interrupted run keeps its measurements.
            run = {
                "profile": asked.profile_name,
                "seed": asked.seed,
                "corpus": asked.corpus.name,
                "corpus_sha256": asked.corpus.sha256,
                "started": started,
                "seconds": time.perf_counter() - began,
                "load_before": before,
                "load_after": load(),
            }
            report.write(folder, describe(), run, suite)
    console.print(f"{folder} holds {', '.join(report.files(folder))}.", markup=False)

"""`python -m benchmarks baseline campaign|peer|search|parity`: quality of RNNs, and time to it."""

import dataclasses
import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from bptt import files
from bptt.errors import InputError, explained
from bptt.sessions.lifecycle import checked
from bptt.settings_file import read_file

from . import parity as parity_race
from . import search as trials_of
from .campaign import protocols
from .campaign.commands import app as campaign
from .peers.command import peer

app = typer.Typer(help="Train plain RNNs to compare their quality, and the time that it takes.")
app.add_typer(campaign, name="campaign")
app.command()(peer)
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder of the runs; finished ones are reused.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, metavar="N", help="Runs at the same time.")]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, metavar="N", help="Number of runs, with seeds 1 to N.")
]


@app.command()
def search(
    out: Out,
    corpus: Annotated[str, typer.Option("--corpus", metavar="NAME")] = "tinyshakespeare",
    hidden_size: Annotated[int, typer.Option("--hidden", min=1, metavar="N")] = 256,
    trials: Annotated[int, typer.Option("--trials", min=1, metavar="N")] = 24,
    characters: Annotated[int, typer.Option("--characters", min=10_000, metavar="N")] = 2_000_000,
    space: Annotated[
        str, typer.Option("--space", metavar="|".join(trials_of.SPACES), help="Search space.")
    ] = "wide",
    jobs: Jobs = 1,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Seed of the random settings.")
    ] = 1,
) -> None:
    """Random search: train each of --trials drawn settings on --characters characters.

    They are ranked by the bits per character of the validation text.
    """
    found = []
    if space not in trials_of.SPACES:
        raise InputError(f"--space must be one of {', '.join(trials_of.SPACES)}, got {space}")
    drawn_from = trials_of.SPACES[space]
    for trial in trials_of.search(
        drawn_from, corpus, hidden_size, trials, characters, out, jobs, seed
    ):
        found.append(trial)
        print(_description(trial), flush=True)
    found.sort(key=lambda trial: trial.validation or float("inf"))
    _write(out / "search.json", [dataclasses.asdict(trial) for trial in found])
    print(f"\nbest:\n{trials_of.to_toml(found[0].settings)}")


def _description(trial: trials_of.Trial) -> str:
    told = {key: value for key, value in trial.settings.items() if key not in trials_of.FIXED}
    bits = "broke down" if trial.validation is None else f"{trial.validation:.3f} bits"
    return f"{bits}  " + ", ".join(f"{key} {value}" for key, value in told.items())


@app.command()
def parity(
    out: Out,
    corpus: Annotated[str, typer.Option("--corpus", metavar="NAME")] = "tinyshakespeare",
    protocol: Annotated[str, typer.Option("--protocol", metavar="NAME")] = "best",
    hidden_size: Annotated[int, typer.Option("--hidden", min=1, metavar="N")] = 128,
    iterations: Annotated[int, typer.Option("--iterations", min=1, metavar="N")] = 1000,
    every: Annotated[int, typer.Option("--every", min=1, metavar="N")] = 50,
    seeds: Seeds = 5,
) -> None:
    """Train bptt and nn.RNN with autograd by the same protocol, in alternation, for each seed."""
    given = read_file(protocols.find(f"{protocol}-{hidden_size}"))
    given["iterations"] = iterations
    given["warmup"] = min(given.get("warmup", 0), iterations // 20)
    points: list[parity_race.Point] = []
    for seed in range(1, seeds + 1):
        points += parity_race.race(corpus, checked(given | {"seed": seed}), every)
        print(f"seed {seed}: {_ends(points, seed)}", flush=True)
    _write(out / "parity.json", [dataclasses.asdict(point) for point in points])
    print(summary(points))


def _ends(points: list[parity_race.Point], seed: int) -> str:
    return ", ".join(
        f"{engine} {_last(points, engine, seed).validation:.4f} bits"
        for engine in (parity_race.OURS, parity_race.PEER)
    )


def _last(points: Iterable[parity_race.Point], engine: str, seed: int) -> parity_race.Point:
    return [point for point in points if (point.engine, point.seed) == (engine, seed)][-1]


def summary(points: list[parity_race.Point]) -> str:
    """Describe the difference in bits, and the ratio of the times to reach the same bits."""
    seeds = sorted({point.seed for point in points})
    ends = {
        engine: [_last(points, engine, seed).validation for seed in seeds]
        for engine in (parity_race.OURS, parity_race.PEER)
    }
    told = [f"{engine}: {_spread(bits)} bits" for engine, bits in ends.items()]
    ratios = []
    for seed in seeds:
        target = max(_last(points, engine, seed).validation for engine in ends)
        ours, peers = (
            parity_race.seconds_to(points, engine, seed, target)
            for engine in (parity_race.OURS, parity_race.PEER)
        )
        if ours is not None and peers is not None:
            ratios.append(peers / ours)
    if ratios:
        told.append(
            f"seconds to equal bits, nn.RNN over bptt: median {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} seeds)"
        )
    return "\n".join(told)


def _spread(values: list[float]) -> str:
    """Return mean ± sample standard deviation, or the value of a single seed."""
    mean = f"{statistics.fmean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"


def _write(path: Path, content: Any) -> None:
    with explained("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, (json.dumps(content, indent=1) + "\n").encode())

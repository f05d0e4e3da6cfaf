"""`python -m benchmarks scaling`: training in several processes against one, and a model of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bptt.errors import InputError

from ..harness.folder import prepared
from ..harness.machine import describe, load
from ..harness.process import ROOT, environment
from ..harness.spread import Spread, paired_ratios
from ..report.tables import between, markdown_table
from . import wire

SIZES = ((128, 16), (128, 64), (256, 64), (512, 16), (512, 64))
ITEM = 4  # bytes of a float32
LIMIT = 1800.0  # seconds


def measured(processes: int, rounds: int, seconds: float, out: Path) -> dict[str, Any]:
    """Run the measurement under torchrun; return its results.

    Raises InputError if torchrun fails; its output is on standard error.
    """
    plan = {"rounds": rounds, "seconds": seconds, "sizes": SIZES}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), "-m", "benchmarks.scaling.worker"]
    local = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    done = subprocess.run(
        [*command, json.dumps(plan), str(out.resolve())],
        cwd=ROOT,
        env=environment(1) | local,
        timeout=LIMIT,
    )
    if done.returncode != 0:
        raise InputError(f"torchrun ended with status {done.returncode}")
    return json.loads(out.read_text())


def speeds(found: dict[str, Any], networks: list[float]) -> str:
    """Return a table with the speeds, their ratio and the modelled ratios, one row per size."""
    V, T, R, own = found["V"], found["T"], found["processes"], found["wire"]
    heading = ["H, B, clip", "alone, chars/s", f"{R} processes, chars/s", "ratio (quartiles)"]
    heading += ["model: this machine", *(f"{gbit:g} Gbit/s" for gbit in networks)]
    rows = []
    for point in found["points"]:
        alone, together = Spread.of(point["alone"]).median, Spread.of(point["together"]).median
        ratio = Spread.of(paired_ratios(point["alone"], point["together"]))
        sizes = wire.Sizes(point["H"], V, T, point["B"], ITEM)
        running, operations = point["clip_kind"] == "running", sizes.products / alone
        bandwidths = [own["bandwidth"], *(gbit * 1e9 / 8 for gbit in networks)]
        predicted = [
            alone / sizes.seconds(R, running, operations, bandwidth, 3 * own["latency"])
            for bandwidth in bandwidths
        ]
        characters = T * point["B"]
        rows.append(
            [
                f"{point['H']}, {point['B']}, {point['clip_kind']}",
                f"{characters / alone:,.0f}",
                f"{characters / together:,.0f}",
                between(ratio),
                *(f"{value:.2f}" for value in predicted),
            ]
        )
    return markdown_table(heading, rows)


def thresholds(found: dict[str, Any], networks: list[float]) -> str:
    """Return a table of the least T B (no running clip) or H (with it) for which it pays off."""
    V, T = found["V"], found["T"]
    operations = Spread.of(
        [
            wire.Sizes(point["H"], V, T, point["B"], ITEM).products
            / Spread.of(point["alone"]).median
            for point in found["points"]
        ]
    ).median
    own = ("this machine", found["wire"]["bandwidth"])
    rows = [
        [
            name,
            f"{wire.least_lanes_times_steps(ITEM, operations, bandwidth):,.0f}",
            f"{wire.least_hidden_size(ITEM, operations, bandwidth):,.0f}",
        ]
        for name, bandwidth in [own, *((f"{gbit:g} Gbit/s", gbit * 1e9 / 8) for gbit in networks)]
    ]
    said = f"At the median of {operations / 1e9:.1f} GFLOP/s of one process:\n\n"
    heading = ["network", "sums: T B at least", "running clip: H at least"]
    return said + markdown_table(heading, rows)


def scaling(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")],
    processes: Annotated[int, typer.Option("--processes", min=2, metavar="N")] = 2,
    rounds: Annotated[int, typer.Option("--rounds", min=3, metavar="N")] = 7,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.01, help="Duration of one measurement.")
    ] = 1.0,
    network: Annotated[
        list[float] | None,
        typer.Option(
            "--network",
            metavar="GBIT",
            help="Network speed to model, in Gbit/s; repeatable. [default: 1 10 25]",
        ),
    ] = None,
) -> None:
    """Measure training in one process and in several, alternately; model other networks."""
    folder, before = prepared(out), load()
    networks = network or [1.0, 10.0, 25.0]
    found = measured(processes, rounds, seconds, folder / "scaling.json")
    found |= {"machine": describe(), "load_before": before, "load_after": load()}
    (folder / "scaling.json").write_text(json.dumps(found, indent=2) + "\n")
    own = found["wire"]
    text = (
        f"# Training in {processes} processes\n\n{found['machine']['processor']}, "
        f"{os.cpu_count()} cores, load {before} before and {found['load_after']} after; float32, "
        f"V={found['V']}, T={found['T']}. All-reduce: {own['bandwidth'] / 1e9:.2f} GB/s, a tiny "
        f"one {own['latency'] * 1e6:.0f} µs.\n\n{speeds(found, networks)}\n"
        f"{thresholds(found, networks)}"
    )
    (folder / "scaling.md").write_text(text)
    print(text)

"""The files of a report: results.json, rounds.csv, results.md and the plots."""

import csv
import io
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bptt import figures

from ..harness.registry import LAYER
from ..harness.results import Workload
from ..harness.spread import Spread, geometric_mean
from ..harness.worker import PACKAGES
from ..workloads.suite import Suite
from . import plots, series_plots, series_tables, tables

INTRODUCTION = """# Benchmarks

Every engine runs in its own process with a fixed number of threads. A round measures each engine
once, in random order; ratios are computed round by round. Times are medians over the rounds. An
engine whose results differ from the oracle's is refused. Brackets hold quartiles, those of a ratio
its median's 95 % interval (bootstrap over the rounds, which `rounds.csv` has); "processor" is
the processor time of all threads, which other programs disturb less, and "cores" is that divided
by wall-clock time. "limit" is a lower bound that follows from this machine's ceilings, which are
timed in every round as if they were an engine (see `benchmarks/limit/limit.py`); "× limit" is the
median of an engine's ratio to the limit of the same round, with its 95 % interval. "error" is the
largest difference from the oracle, over the largest entry. An engine that computes in bfloat16 may
lie below the limit, which is one of float32.
"""

OURS_LAYERS = ("passes", "elman")
LESS_PRECISE = {engine.name for engine in LAYER if engine.precision}  # never the best peer


def write(folder: Path, machine: dict[str, Any], run: dict[str, Any], suite: Suite) -> None:
    """Write all files, replacing earlier ones, from the measurements so far."""
    run = run | {"versions": versions(suite.workloads)}
    content = {
        "run": run,
        "machine": machine,
        "workloads": [entry(workload) for workload in suite.workloads],
        "growth": [asdict(series) for series in suite.growth],
        "cold": [asdict(start) for start in suite.cold],
    }
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "rounds.csv").write_text(rounds(suite.workloads))
    sections = [INTRODUCTION, tables.machine_section(machine, run)]
    layers = [workload for workload in suite.workloads if workload.name.startswith("layer")]
    sections += [tables.workload_section(w) for w in suite.workloads if w not in layers]
    if layers:
        sections += [layer_summary(layers), *map(tables.workload_section, layers)]
    if suite.cold:
        sections.append(series_tables.cold_section(suite.cold))
    if suite.growth:
        sections.append(series_tables.growth_sections(suite.growth))
    (folder / "results.md").write_text("\n".join(sections))
    for name, draw in pictures(suite, layers).items():
        figures.write(folder / name, draw)


def rounds(workloads: list[Workload]) -> str:
    """Return each measurement as a line of CSV, in seconds a unit; its turn is of the round."""
    table = io.StringIO()
    heading = "workload threads engine round turn unit units seconds cores"
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(heading.split())
    for workload in workloads:
        for engine in workload.timed:
            for index, (seconds, cores) in enumerate(
                zip(engine.seconds, engine.cores, strict=True)
            ):
                turn = workload.orders[index].index(engine.name)
                place = workload.name, workload.threads, engine.name, index, turn
                lines.writerow((*place, workload.unit, engine.units, seconds, cores))
    return table.getvalue()


def pictures(suite: Suite, layers: list[Workload]) -> dict[str, Callable[[], bytes]]:
    """Return the plots of the measurements so far, as file name → function that draws it."""
    drawn: dict[str, Callable[[], bytes]] = {
        f"{workload.name}.png": partial(plots.ratios, workload)
        for workload in suite.workloads
        if workload.measured and workload not in layers
    }
    for threads in sorted({layer.threads for layer in layers}):
        same = [layer for layer in layers if layer.threads == threads and layer.measured]
        if same:
            drawn[f"layer-threads{threads}.png"] = partial(plots.layers, same)
    started = [start for start in suite.cold if not start.remark]
    if started:
        drawn["cold.png"] = partial(series_plots.cold, started)
    grown = [series for series in suite.growth if series.points]
    if grown:
        drawn["growth.png"] = partial(series_plots.growth, grown)
    limited = [workload for workload in suite.workloads if workload.measured and workload.limit]
    if limited:
        drawn["limit.png"] = partial(plots.of_limit, limited)
    return drawn


def files(folder: Path) -> list[str]:
    """Return the names of the report's files in the folder."""
    return sorted(path.name for path in folder.iterdir())


def entry(workload: Workload) -> dict[str, Any]:
    """Return a workload's entry in results.json: all samples and their statistics."""
    content = asdict(workload)
    for engine, result in zip(content["engines"], workload.engines, strict=True):
        if result in workload.measured:
            engine["spread"] = asdict(result.spread)
            if workload.limit:
                engine["over_limit"] = asdict(Spread.of(workload.over_limit(result.name)))
    if workload.measured:
        base = tables.base_of(workload)
        content["ratios_over"] = base
        content["ratios"] = {
            engine.name: asdict(workload.ratio(engine.name, base)) for engine in workload.measured
        }
    return content


def versions(workloads: list[Workload]) -> dict[str, str]:
    """Return the versions of the installed packages and of those that engines had loaded."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):  # optional packages may be missing
            found[package] = version(package)
    for workload in workloads:
        for engine in workload.engines:
            found |= engine.about.get("versions", {})
    return dict(sorted(found.items()))


def layer_summary(layers: list[Workload]) -> str:
    """Return a table per engine of ours: the times of nn.RNN and of the best peer over its time."""
    parts = ["## (b) Layers: time of other engines over ours\n"]
    for threads in sorted({layer.threads for layer in layers}):
        chosen = [layer for layer in layers if layer.threads == threads]
        found = [part for ours in OURS_LAYERS if (part := _layer_table(chosen, threads, ours))]
        parts += found or [f"{threads} thread(s): nothing of ours was measured.\n"]
    return "\n".join(parts)


def _layer_table(layers: list[Workload], threads: int, ours: str) -> str:
    rows, over_nn, over_best = [], [], []
    for layer in layers:
        names = {engine.name for engine in layer.measured}
        peers = sorted(names - {*OURS_LAYERS, *LESS_PRECISE})
        if ours not in names or not peers:
            continue
        ratios = {name: layer.ratio(name, ours) for name in peers}
        best = min(peers, key=lambda name: ratios[name].median)
        rows.append(
            [
                f"B={layer.sizes['B']} H={layer.sizes['H']}",
                tables.between(ratios["nn.RNN"]) if "nn.RNN" in ratios else "",
                f"{best}: {tables.between(ratios[best])}",
            ]
        )
        over_best.append(ratios[best].median)
        if "nn.RNN" in ratios:
            over_nn.append(ratios["nn.RNN"].median)
    if not rows:
        return ""
    means = [
        f"{geometric_mean(ratios):.2f} (lowest {min(ratios):.2f})" if ratios else ""
        for ratios in (over_nn, over_best)
    ]
    rows.append(["geometric mean", *means])
    heading = [f"{threads} thread(s)", f"nn.RNN over {ours}", f"best peer over {ours}"]
    return tables.markdown_table(heading, rows)

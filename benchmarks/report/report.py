"""results.json, results.md and the plots."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bptt import figures

from ..harness.results import Workload
from ..harness.spread import geometric_mean
from ..harness.worker import PACKAGES
from ..workloads.suite import Suite
from . import plots, series_plots, series_tables, tables

INTRODUCTION = """# Benchmarks

Every engine runs in a process of its own with its thread count fixed. A round measures each once,
in an order drawn anew; ratios are taken round by round. Times are medians over the rounds. An
engine that computes something else than the oracle is refused. Brackets hold quartiles;
"processor" is the processor time of all threads, which suffers less from other programs, and
"cores" that over wall-clock time; "× limit" is the median over the least time that this machine's
measured ceilings allow (see `benchmarks/limit/limit.py`).
"""

OURS_LAYERS = ("passes", "elman")


def write(folder: Path, machine: dict[str, Any], run: dict[str, Any], suite: Suite) -> None:
    """Write all files anew, from what is measured so far."""
    run = run | {"versions": versions(suite.workloads)}
    content = {
        "run": run,
        "machine": machine,
        "ceilings": {str(threads): limit.measured for threads, limit in suite.limits.items()},
        "workloads": [entry(workload) for workload in suite.workloads],
        "growth": [asdict(series) for series in suite.growth],
        "cold": [asdict(start) for start in suite.cold],
    }
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n")
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


def pictures(suite: Suite, layers: list[Workload]) -> dict[str, Callable[[], bytes]]:
    """Return how to draw each file of what is measured so far."""
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
    """Name what is in the folder."""
    return sorted(path.name for path in folder.iterdir())


def entry(workload: Workload) -> dict[str, Any]:
    """Return what results.json says of a workload: every sample, and what is made of them."""
    content = asdict(workload)
    for engine, result in zip(content["engines"], workload.engines, strict=True):
        if result in workload.measured:
            engine["spread"] = asdict(result.spread)
            if workload.limit:
                engine["over_limit"] = result.spread.median / workload.limit
    if workload.measured:
        base = tables.base_of(workload)
        content["ratios_over"] = base
        content["ratios"] = {
            engine.name: asdict(workload.ratio(engine.name, base)) for engine in workload.measured
        }
    return content


def versions(workloads: list[Workload]) -> dict[str, str]:
    """Collect what is installed, and what the engines' processes had loaded."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):  # a peer that isn't installed has no version
            found[package] = version(package)
    for workload in workloads:
        for engine in workload.engines:
            found |= engine.about.get("versions", {})
    return dict(sorted(found.items()))


def layer_summary(layers: list[Workload]) -> str:
    """For each of ours a table: nn.RNN and the best peer over it, and the geometric means."""
    parts = ["## (b) Layers: how many times as long others take\n"]
    for threads in sorted({layer.threads for layer in layers}):
        chosen = [layer for layer in layers if layer.threads == threads]
        found = [part for ours in OURS_LAYERS if (part := _layer_table(chosen, threads, ours))]
        parts += found or [f"{threads} thread(s): nothing of ours was measured.\n"]
    return "\n".join(parts)


def _layer_table(layers: list[Workload], threads: int, ours: str) -> str:
    rows, over_nn, over_best = [], [], []
    for layer in layers:
        names = {engine.name for engine in layer.measured}
        peers = sorted(names - set(OURS_LAYERS))
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

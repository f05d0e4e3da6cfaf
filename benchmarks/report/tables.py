"""The tables of results.md, in Markdown that is readable as plain text."""

from collections.abc import Iterable, Sequence
from typing import Any

from ..harness.results import EngineResult, Workload
from ..harness.spread import Spread, median_interval

SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def duration(seconds: float) -> str:
    """Format a duration with three digits and a unit."""
    fitting = [pair for pair in SCALES if seconds >= pair[0]] or SCALES[-1:]
    scale, unit = fitting[0]
    return f"{seconds / scale:.3g} {unit}"


def between(spread: Spread) -> str:
    """Format a ratio's median with its quartiles."""
    return f"{spread.median:.2f} ({spread.lower_quartile:.2f} to {spread.upper_quartile:.2f})"


def with_interval(values: Sequence[float]) -> str:
    """Format the median of some ratios with its 95 % interval."""
    low, high = median_interval(values)
    return f"{Spread.of(values).median:.2f} ({low:.2f} to {high:.2f})"


def markdown_table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; the first column is aligned left, the others right."""
    heading = list(heading)
    lines = [heading, ["---"] + ["---:"] * (len(heading) - 1), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def base_of(workload: Workload) -> str:
    """Return the engine that ratios are relative to: ours if measured, else the fastest."""
    if any(engine.name == workload.ours for engine in workload.measured):
        return workload.ours
    return min(workload.measured, key=lambda engine: engine.spread.median).name


def workload_table(workload: Workload) -> str:
    """Return one row per engine: its time, its ratio to the base, its multiple of the limit."""
    if not workload.measured:
        return "Nothing was measured.\n"
    base = base_of(workload)
    heading = ["engine", "computes", "median", "quartiles", "lowest", "highest", "processor"]
    heading += [f"over {base}", "× limit", "cores"]
    with_error = any(engine.error is not None for engine in workload.measured)
    heading += ["error"] if with_error else []
    rows = []
    for engine in sorted(workload.timed, key=lambda engine: engine.spread.median):
        spread = engine.spread
        rows.append(
            [
                f"{engine.name}: {engine.description}",
                "a bound" if engine is workload.limit else engine.computes or "as the oracle",
                duration(spread.median),
                f"{duration(spread.lower_quartile)} to {duration(spread.upper_quartile)}",
                duration(spread.lowest),
                duration(spread.highest),
                duration(Spread.of(engine.processor_seconds).median),
                with_interval(workload.ratios(engine.name, base)),
                with_interval(over_limit)
                if (over_limit := workload.over_limit(engine.name))
                else "",
                f"{Spread.of(engine.cores).median:.2f}",
                *(["" if engine.error is None else f"{engine.error:.1e}"] if with_error else []),
            ]
        )
    return markdown_table(heading, rows)


def absences(workload: Workload) -> str:
    """Return a line for each engine that was not measured, with the reason."""
    lines = [
        f"- {engine.name}: {engine.status}. {engine.remark}"
        for engine in workload.engines
        if engine not in workload.measured
    ]
    return "\n".join(lines) + "\n" if lines else ""


def workload_section(workload: Workload) -> str:
    sizes = ", ".join(f"{name}={size}" for name, size in workload.sizes.items())
    plural = "s" if workload.threads > 1 else ""
    parts = [f"## {workload.title}\n", f"{sizes}; {workload.threads} thread{plural}."]
    if workload.oracle:
        parts.append(f"Equal before and after timing to: {workload.oracle}.")
    if workload.limit:
        shares = ", ".join(
            f"{name} {duration(Spread.of(seconds).median)}"
            for name, seconds in workload.limit_parts.items()
        )
        parts.append(f"The limit is {duration(workload.limit.spread.median)} ({shares}).")
    return "\n".join(
        [*parts, "", workload_table(workload), absences(workload), agreement(workload.measured)]
    )


def agreement(engines: list[EngineResult]) -> str:
    """Return a sentence on the engine that came closest to the tolerance."""
    shares = [e for e in engines if e.difference_share is not None]
    if not shares:
        return ""
    furthest = max(shares, key=lambda engine: engine.difference_share or 0.0)
    return f"Furthest from the oracle: {furthest.name}, {furthest.difference}.\n"


def machine_section(machine: dict[str, Any], run: dict[str, Any]) -> str:
    caches = ", ".join(f"{name} {size // 1024} KiB" for name, size in machine["caches"].items())
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {caches or 'caches unknown'}; "
        f"{machine['system']} {machine['architecture']}, Python {machine['python']}. "
        f"{versions}.\n\n"
        f"Profile {run['profile']}, seed {run['seed']}, load {run['load_before']} before and "
        f"{run['load_after']} after. Corpus {run['corpus']}. Started {run['started']}, "
        f"took {run['seconds']:.0f} s.\n"
    )

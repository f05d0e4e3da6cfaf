"""The sections of results.md on growth and cold starts."""

from collections.abc import Sequence

from ..harness.spread import Spread
from ..workloads.cold import ColdStart
from ..workloads.growth import Series
from .tables import duration, markdown_table

MIB = 2**20


def growth_sections(series: Sequence[Series]) -> str:
    """Return one table per axis: time and memory at each size, and the fitted exponents."""
    parts = []
    for axis in dict.fromkeys(one.axis for one in series):
        along = [one for one in series if one.axis == axis]
        drawn = [one for one in along if one.points]
        fixed = ", ".join(f"{name}={size}" for name, size in along[0].fixed.items())
        what = "a layer forward and backward" if axis == "B" else "a training iteration"
        parts.append(f"## (c) Growth with {axis}: {what}, float32, {fixed}\n")
        parts.append(
            "Shortest time of one; peak memory above the memory resident before, each in its own "
            "process. "
            "`~` is the exponent fitted to the upper half of the sizes (1: linear).\n"
        )
        if drawn:
            sizes = [point.size for point in drawn[0].points]
            heading = ["engine", *(f"{axis}={size:,}" for size in sizes), "time ~", "memory ~"]
            parts.append(markdown_table(heading, [growth_row(one) for one in drawn]))
        parts += [f"- {one.engine}: not measured. {one.remark}" for one in along if one.remark]
    return "\n".join([*parts, ""])


def growth_row(series: Series) -> list[str]:
    cells = []
    for point in series.points:
        memory = "" if point.memory is None else f", {point.memory / MIB:.1f} MiB"
        cells.append(duration(point.seconds) + memory)
    exponents = [
        f"{axis}^{exponent:.2f}" if exponent is not None else "not measured"
        for axis, exponent in (
            (series.axis, series.time_exponent),
            (series.axis, series.memory_exponent),
        )
    ]
    return [series.engine, *cells, *exponents]


def cold_section(starts: Sequence[ColdStart]) -> str:
    """Return one row per start, with the medians of its parts."""
    rows = []
    for start in starts:
        if start.remark:
            continue
        beyond = Spread.of(start.beyond)
        parts = (start.importing, start.building, start.first)
        rows.append(
            [
                start.engine,
                start.cache,
                *(duration(Spread.of(part).median) for part in parts),
                f"{duration(beyond.median)} ({duration(beyond.lowest)} to "
                f"{duration(beyond.highest)})",
            ]
        )
    heading = ["engine", "caches", "library's import", "import and build", "first iteration"]
    lines = [f"- {s.engine}, {s.cache}: not measured. {s.remark}" for s in starts if s.remark]
    return "\n".join(
        [
            "## (e) Cold start\n",
            "From a new process to the first training iteration, float64. The last column is the "
            "time beyond the library's own import (torch's or JAX's), with its range.\n",
            markdown_table([*heading, "beyond the library"], rows) if rows else "",
            *lines,
            "",
        ]
    )

"""The report for a terminal: the verdict, the errors, and how to reproduce them."""

from collections.abc import Mapping

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bptt.errors import harmless

from .. import case_result
from ..check_result import FAILED, ILL_CONDITIONED, PASSED, RANK, REFUSED
from .diagnosis import Suspect
from .report import Report

STYLES = {
    case_result.RIGHT: "bold green",
    case_result.KINK: "bold green",
    case_result.ROUNDING: "bold green",
}
TRACEBACK_LINES = 12


def show(report: Report, console: Console) -> None:
    """Print a report; it fits into 60 columns."""
    console.print(rendered(report), crop=False)


def style_of(report: Report) -> str:
    return "bold red" if report.failed_checks else STYLES.get(report.verdict, "bold red")


@np.errstate(all="ignore")  # gradients may hold any numbers
def rendered(report: Report) -> Group:
    """Format a report as lines and tables."""
    parts: list[RenderableType] = [
        Text(f"{report.target}: {report.headline}", style=style_of(report)),
        Text(
            f"{len(report.results)} cases in {report.seconds:.1f} s; "
            f"{_listed(report.tally('verdict'))}; by {_listed(report.tally('oracle'))}."
        ),
    ]
    if report.checks:
        parts.append(_checks(report))
        parts += [
            Text(harmless(f"{check.name} died in:\n  " + check.detail.replace("\n", "\n  ")))
            for check in report.checks
            if check.detail
        ]
    if report.smallest is not None:
        parts += _failure(report)
    elif report.digits:
        parts += _digits(report)
    for (kind, message), results in report.troubles.items():
        cases = ", ".join(_sizes(result.case.sizes) for result in results[:6])
        more = f" and {len(results) - 6} more" if len(results) > 6 else ""
        parts.append(
            Text(harmless(f"{kind} in {len(results)} cases: {message}\n  at {cases}{more}"))
        )
        if results[0].detail:
            lines = harmless(results[0].detail).splitlines()
            parts.append(Text("\n".join(f"  {line}" for line in lines[-TRACEBACK_LINES:])))
    parts += [Text(harmless(sentence)) for sentence in report.coverage]
    parts += [Text(note, style="dim") for note in report.notes]
    parts.append(Text(report.summary, style=style_of(report)))
    return Group(*parts)


def _checks(report: Report) -> Table:
    """Tabulate the checks, failed ones first."""
    table = Table(box=None, pad_edge=False)
    for column in ("check", "result", ""):
        table.add_column(column, overflow="fold")
    styles = {FAILED: "bold red", REFUSED: "yellow", ILL_CONDITIONED: "yellow", PASSED: ""}
    for check in sorted(report.checks, key=lambda check: -RANK[check.verdict]):
        result = Text(check.verdict, style=styles[check.verdict])
        table.add_row(harmless(check.name), result, Text(harmless(check.message)))
    return table


def _failure(report: Report) -> list[RenderableType]:
    smallest = report.smallest
    if smallest is None:
        return []
    parts: list[RenderableType] = [Text(f"\nSmallest failing case: {smallest.case}")]
    if smallest.message:
        parts.append(Text(smallest.message))
    if report.diagnosis is not None:
        diagnosis = report.diagnosis
        parts += [Text(), _suspects(diagnosis.suspects)]
        parts += [
            Text(f"{suspect.name}: {suspect.pattern}")
            for suspect in diagnosis.suspects
            if suspect.pattern
        ]
        if diagnosis.lag:
            parts.append(Text(sentence(diagnosis.lag)))
        if diagnosis.also:
            later = ", ".join(f"{suspect.name} (T={suspect.first_T})" for suspect in diagnosis.also)
            parts.append(Text(f"Also wrong with more steps: {later}"))
        if len(diagnosis.errors) > 1:
            title = "Error against the number of steps: the worst case of each T"
            parts += [Text(f"\n{title}", style="italic"), _by(diagnosis.errors, "T")]
        if len(diagnosis.of_one_target) > 1:
            title = "Error against lag (loss of one step)"
            parts += [Text(f"\n{title}", style="italic"), _by(diagnosis.of_one_target, "lag")]
            if diagnosis.handed_back:
                parts.append(Text(sentence(diagnosis.handed_back)))
    parts += [
        Text("\nTo reproduce:"),
        Text(report.snippet, style="bold", no_wrap=True, overflow="ignore"),
        Text(),
    ]  # fmt: skip
    return parts


def _suspects(suspects: tuple[Suspect, ...]) -> Table:
    table = Table(title="Wrong", title_justify="left", box=None, pad_edge=False)
    table.add_column("entry", no_wrap=True)
    for column in ("computed", "expected", "rel. error"):
        table.add_column(column, justify="right", no_wrap=True)
    for suspect in suspects:
        place = f"[{','.join(map(str, suspect.place))}]" if suspect.place else ""
        table.add_row(
            f"{suspect.name}{place}",
            f"{suspect.computed:.9g}",
            f"{suspect.expected:.9g}",
            f"{suspect.relative_error:.1e}",
        )
    return table


def _by(errors: Mapping[int, Mapping[str, float]], called: str) -> Table:
    """Tabulate the largest error of any parameter, and the wrong parameters."""
    table = Table(box=None, pad_edge=False)
    table.add_column(called, justify="right")
    table.add_column("error / largest entry", justify="right")
    table.add_column("wrong")
    for place, sizes in errors.items():
        wrong = sorted((name for name in sizes if sizes[name] > 0.0), key=lambda name: -sizes[name])
        named = ", ".join(wrong[:4]) + (f" and {len(wrong) - 4} more" if len(wrong) > 4 else "")
        table.add_row(str(place), f"{max(sizes.values()):.1e}", named or "none")
    return table


def _digits(report: Report) -> list[RenderableType]:
    table = Table(title="Right digits", title_justify="left", box=None, pad_edge=False)
    table.add_column("parameter", no_wrap=True)
    table.add_column("worst case", justify="right")
    table.add_column("median", justify="right")
    limits = report.limits
    for name, (worst, median) in report.digits.items():
        at_least = "at least " if name in limits else ""
        table.add_row(name, f"{at_least}{worst:.1f}", f"{median:.1f}")
    if not limits:
        return [table]
    seen = " and ".join(sorted(set(limits.values())))
    return [table, Text(f"At least: the limit of {seen}.")]


def sentence(text: str) -> str:
    """Return the text with a capital letter at its start."""
    return text[:1].upper() + text[1:]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "none"


def _sizes(sizes: dict[str, int]) -> str:
    return " ".join(f"{name}={size}" for name, size in sizes.items()) or "no sizes"

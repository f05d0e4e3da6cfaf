"""The audit for a terminal: a table for each backward pass, and one sentence."""

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bptt.errors import harmless

from .planted import GROSS
from .report import MISSED, NO_EFFECT, NOT_TRIED, AuditReport, FunctionAudit, GradientAudit, shown
from .thresholds import LARGEST, SMALLEST, Threshold

SAID = {NO_EFFECT: "–"}
STYLES = {MISSED: "bold red", NOT_TRIED: "yellow"}
FACTOR_ROW, NOISE_ROW = "smallest factor", "smallest noise"
GAP = 2  # between columns


def show(report: AuditReport, console: Console) -> None:
    """Print an audit; it fits into 80 columns, with as many tables as that takes."""
    for function in report.functions:
        count = len(function.tests)
        tests = function.tests[0] if count == 1 else f"{count} tests"
        times = "call" if function.calls == 1 else "calls"
        _print(console, f"{function.name}: {function.calls} {times} in {tests}", "bold")
        for gradients in _fitting(function, console.width):
            console.print(_table(report, gradients))
        console.print()
    for note in _notes(report):
        _print(console, note, "dim")
    _print(console, report.summary, "bold green" if report.exit_status == 0 else "bold red")


def _print(console: Console, text: str, style: str) -> None:
    console.print(Text(harmless(text), style=style), soft_wrap=not console.is_terminal)


def _notes(report: AuditReport) -> Iterator[str]:
    yield (
        f"{report.runs} planted errors in {report.seconds:.1f} s. –: would change nothing there, "
        "or can't be planted. Noise is relative to the gradient's largest entry."
    )
    if not report.is_repeatable:
        yield (
            "The gradients differ from run to run, or can't be read: an error counts as seen if "
            "each of three runs sees it."
        )
    zero = [name for name, gradient in report.gradients if gradient.is_zero]
    if zero:
        yield f"Zero wherever the tests compute it, so no factor can be seen: {', '.join(zero)}"
    if report.skipped:
        count = len(report.skipped)
        yield f"{count} {'test was' if count == 1 else 'tests were'} skipped: {report.skipped[0]}"


def _fitting(function: FunctionAudit, width: int) -> Iterator[list[GradientAudit]]:
    """Split the gradients into tables that are not wider than the console."""
    left: list[GradientAudit] = []
    used = first = max(map(len, (*GROSS, FACTOR_ROW, NOISE_ROW)))
    for gradient in function.gradients:
        own = GAP + max(len(gradient.name), len(shown(SMALLEST)))
        if left and used + own > width:
            yield left
            left, used = [], first
        left.append(gradient)
        used += own
    yield left


def _table(report: AuditReport, gradients: list[GradientAudit]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    table.add_column("planted error", no_wrap=True)
    for gradient in gradients:
        table.add_column(harmless(gradient.name), overflow="fold")
    for error in GROSS:
        if any(_matters(gradient, error) for gradient in gradients):
            table.add_row(error, *(_verdict(gradient, error) for gradient in gradients))

    def factor(threshold: Threshold) -> Text:
        too_large = not threshold.is_at_most(report.required)
        said = f"> {1 + LARGEST:g}" if threshold.seen is None else shown(threshold.seen)
        return Text(said, style="bold red" if too_large else "")

    def noise(threshold: Threshold) -> Text:
        return Text(f"> {LARGEST:g}" if threshold.seen is None else f"{threshold.seen:.1e}")

    for row, write, thresholds in (
        (FACTOR_ROW, factor, [gradient.factor for gradient in gradients]),
        (NOISE_ROW, noise, [gradient.noise for gradient in gradients]),
    ):
        table.add_row(row, *(_threshold(one, write) for one in thresholds))
    return table


def _matters(gradient: GradientAudit, error: str) -> bool:
    return error in gradient.trials and gradient.trials[error].verdict != NO_EFFECT


def _verdict(gradient: GradientAudit, error: str) -> Text:
    trial = gradient.trials.get(error)
    if trial is None:
        return Text("")
    return Text(SAID.get(trial.verdict, trial.verdict), style=STYLES.get(trial.verdict, ""))


def _threshold(threshold: Threshold | None, write: Callable[[Threshold], Text]) -> Text:
    return Text(NOT_TRIED, style=STYLES[NOT_TRIED]) if threshold is None else write(threshold)

"""The command `bptt verify`."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from bptt.errors import InputError, explained

from .. import files
from ..verify.backward.isolated import verify_target
from ..verify.backward.settings import RACE_SECONDS, BackwardSettings
from ..verify.checker.case_result import CaseResult
from ..verify.checker.report.page import page
from ..verify.checker.report.report import Report
from ..verify.checker.report.terminal import show, style_of
from ..verify.checker.settings import Settings
from ..verify.checker.verifying import verify as verify_gradient
from .options import COUNT, refuse_output, whole


def verify(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE.py:NAME",
            help="A file and its function problem(T, H, ..., rng), which returns a "
            "GradientProblem, or a BackwardProblem in it. [default: this project's engines]",
            show_default=False,
        ),
    ] = None,
    cases: Annotated[
        int,
        typer.Option(
            "--cases",
            parser=COUNT,
            metavar="N",
            help="Largest number of cases to search; "
            "shrinking a failure and large sizes come on top.",
        ),
    ] = 60,
    seed: Annotated[
        int, typer.Option("--seed", parser=whole(0), metavar="N", help="Seed of the search.")
    ] = 0,
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--size",
            metavar="NAME=LOW..HIGH",
            help="The range of a size, such as T=2..8; can be repeated. "
            "[default: 1..5, T 1..6, and a few large ones up to 129]",
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit", metavar="SECONDS", help="Longest that a call of yours may take."
        ),
    ] = 10.0,
    budget: Annotated[
        float,
        typer.Option(
            "--budget",
            metavar="SECONDS",
            help="Longest time for the search of one gradient, with shrinking and diagnosis.",
        ),
    ] = 60.0,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="ERROR",
            help="How far an entry may be off, relative to the largest entry of its parameter: "
            "for gradients that are approximate on purpose. [default: rounding only]",
            show_default=False,
        ),
    ] = 0.0,
    dtypes: Annotated[
        str,
        typer.Option(
            "--dtypes",
            metavar="NAMES",
            help="Lower precisions to check a backward pass in: float32, bfloat16, float16.",
        ),
    ] = "float32",
    race_seconds: Annotated[
        float,
        typer.Option(
            "--race-seconds",
            metavar="SECONDS",
            help="How long to repeat the same call of a backward pass, to find race conditions.",
        ),
    ] = RACE_SECONDS,
    order: Annotated[
        int,
        typer.Option(
            "--order",
            parser=whole(1, 2),
            metavar="N",
            help="2: check the gradient of a backward pass's gradient, too.",
        ),
    ] = 1,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the report to a JSON file.")
    ] = None,
    html_path: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the report as a page to look at."),
    ] = None,
) -> None:
    """Search for a case where a hand-written gradient is wrong, and say where and how.

    Exit status: 0 all right, 1 something is wrong, 2 some or all could not be run.
    """
    if not 0.0 < time_limit < float("inf"):
        raise InputError(f"--time-limit must be a positive number of seconds, got {time_limit}")
    if not 0.0 < budget < float("inf"):
        raise InputError(f"--budget must be a positive number of seconds, got {budget}")
    if not 0.0 <= tolerance < 1.0:
        raise InputError(f"--tolerance must be from 0 to below 1, got {tolerance}")

    outputs = [
        (path, ending, write)
        for path, ending, write in ((json_path, ".json", _as_json), (html_path, ".html", page))
        if path is not None
    ]
    for path, ending, _ in outputs:
        refuse_output(f"--{ending[1:]}", path, ending)
    ranges = dict(map(size_range, sizes or []))
    settings = Settings(cases, seed, time_limit, ranges, budget, tolerance)
    names = tuple(name.strip() for name in dtypes.split(",") if name.strip())
    options = BackwardSettings(names, race_seconds, order)
    console = Console(highlight=False)
    reports = []
    if target is not None:
        with _counted(console, target) as seen:
            reports.append(verify_target(target, settings, options, seen))
    else:
        from ..verify.network.problems import (  # only here: it imports torch, seconds
            compile_kernels,
            own_engines,
        )

        compile_kernels()
        for factory in own_engines():
            with _counted(console, factory.target) as seen:
                reports.append(verify_gradient(factory, settings, seen))
            console.print(Text(reports[-1].summary, style=style_of(reports[-1])))
    for report in reports:
        show(report, console)
    if target is None:
        console.print(Text(_overall(reports), style="bold"))
    for path, _, write in outputs:
        with explained("write", path):
            files.write(path, write(reports).encode())
    statuses = {report.exit_status for report in reports}
    raise typer.Exit(1 if 1 in statuses else max(statuses))


@contextmanager
def _counted(console: Console, target: str) -> Iterator[Callable[[CaseResult], None]]:
    """Show how many cases were checked, on a terminal."""
    checked = 0
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(f"verifying {target}") as status:

        def seen(result: CaseResult) -> None:
            nonlocal checked
            checked += 1
            status.update(f"verifying {target}: {checked} cases, now {result.case}")

        yield seen


def _overall(reports: list[Report]) -> str:
    counts = Counter(report.verdict for report in reports)
    return f"{len(reports)} gradients: " + ", ".join(f"{n} {what}" for what, n in counts.items())


def _as_json(reports: list[Report]) -> str:
    if len(reports) == 1:
        return reports[0].to_json()
    return "[\n" + ",\n".join(report.to_json().rstrip() for report in reports) + "\n]\n"


def size_range(text: str) -> tuple[str, tuple[int, int]]:
    """Parse NAME=LOW..HIGH or NAME=VALUE. Raises InputError for anything else."""
    name, _, numbers = text.partition("=")
    low, dots, high = numbers.partition("..")
    try:
        chosen = int(low), int(high if dots else low)
    except ValueError:
        chosen = (0, 0)
    if not name.isidentifier() or not 1 <= chosen[0] <= chosen[1]:
        raise InputError(f"--size: expected NAME=LOW..HIGH, such as T=2..8, got {text}")
    return name, chosen

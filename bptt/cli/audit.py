"""The command `bptt audit`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from bptt.errors import explained, harmless

from .. import files, terminal
from ..verify.audit.auditing import audit as audit_tests
from ..verify.audit.report import AuditReport
from ..verify.audit.settings import Settings
from ..verify.audit.terminal import show
from .options import refuse_output


def audit(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="The tests, as pytest names them (TESTS.py, TESTS.py::TEST), or MODULE:FUNCTION, "
            "a function that raises where it fails.",
        ),
    ],
    backward: Annotated[
        list[str] | None,
        typer.Option(
            "--backward",
            metavar="FILE.py:NAME",
            help="The backward pass to audit: a function or Class.method that returns gradients, "
            "or MODULE:NAME; can be repeated. [default: every torch.autograd.Function and "
            "custom operator that the tests run]",
            show_default=False,
        ),
    ] = None,
    gradients: Annotated[
        list[str] | None,
        typer.Option(
            "--gradient",
            metavar="NAME",
            help="A gradient to audit, by its name in the table; can be repeated. [default: all]",
            show_default=False,
        ),
    ] = None,
    factor: Annotated[
        float,
        typer.Option(
            "--factor",
            metavar="SIZE",
            help="How far from 1 a wrong factor must be seen: 1e-3 stands for 1.001.",
        ),
    ] = 1e-3,
    runs: Annotated[
        int,
        typer.Option(
            "--runs", metavar="N", help="Number of undisturbed runs, all of which must pass."
        ),
    ] = 3,
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit", metavar="SECONDS", help="Longest that one run of the tests may take."
        ),
    ] = 60.0,
    budget: Annotated[
        float, typer.Option("--budget", metavar="SECONDS", help="Longest time for the whole audit.")
    ] = 600.0,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the audit to a JSON file.")
    ] = None,
) -> None:
    """Plant errors into the backward pass that your tests run, and say which ones they see.

    Exit status: 0 if the tests see all gross errors and a factor of 1 + SIZE, 1 if they don't,
    2 if they could not be run, or not all was tried.
    """
    settings = Settings(
        tuple(backward or ()), tuple(gradients or ()), factor, runs, time_limit, budget
    )
    if json_path is not None:
        refuse_output("--json", json_path, ".json")
    console = terminal.console()
    report = _audited(target, settings, console)
    show(report, console)
    if json_path is not None:
        with explained("write", json_path):
            files.write(json_path, report.to_json().encode())
    raise typer.Exit(report.exit_status)


def _audited(target: str, settings: Settings, console: terminal.Console) -> AuditReport:
    if not console.is_terminal:
        return audit_tests(target, settings)
    with console.status("auditing") as status:
        return audit_tests(
            target, settings, lambda text: status.update(Text(harmless(f"auditing: {text}")))
        )

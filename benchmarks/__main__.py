"""The command line of `python -m benchmarks`; wrong input gives a one-line error."""

import sys

import typer

from bptt.errors import InputError

from .baseline.commands import app as baseline
from .harness.process import FailedError
from .instructions.command import instructions
from .published_run import published_run
from .scaling.command import scaling
from .speed import speed
from .stacks import stacks


def main() -> None:
    """Run a benchmark; exit with status 2 for wrong input and 130 after Ctrl-C."""
    application = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    application.command()(speed)
    application.command()(stacks)
    application.command()(scaling)
    application.command()(instructions)
    application.add_typer(baseline, name="baseline")
    application.command()(published_run)
    try:
        application(prog_name="python -m benchmarks")
    except (InputError, FailedError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1)
    except KeyboardInterrupt:
        print("stopped; what is finished is kept", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()

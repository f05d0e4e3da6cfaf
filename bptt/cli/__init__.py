"""The command line."""

import io
import os
import shutil
import sys
from typing import Annotated

import typer

from .. import errors, terminal
from ..about import __version__
from ..errors import InputError
from .audit import audit
from .certify import certify
from .compare import compare
from .corpora import list_corpora
from .evaluate import evaluate
from .export import export
from .grouped import Grouped
from .lockstep import lockstep
from .pages import find_the_bug, watch
from .reproduce import reproduce
from .sample import sample
from .train import train
from .verify import verify

app = typer.Typer(
    help="Train a character-level recurrent network, let it write, and check its gradients.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, command, in_short in (
    ("train", train, None),
    ("sample", sample, None),
    ("eval", evaluate, "Measure a run's network on a text."),
    ("export", export, "Write a run's network for PyTorch."),
    ("reproduce", reproduce, "Train a run again and compare it bit by bit."),
    ("compare", compare, "Show the results of several runs."),
    ("corpora", list_corpora, "List the texts that have a name."),
    ("lockstep", lockstep, "Compare the engines' gradients, and their training."),
    ("verify", verify, "Search for an error in a hand-written gradient."),
    ("audit", audit, "Say which errors in a backward pass your tests see."),
    ("certify", certify, "Prove how many digits of the gradients are right."),
    ("watch", watch, "Write a page on which a network reads a text."),
    ("find-the-bug", find_the_bug, "Write a page of exercises on wrong gradients."),
):
    app.command(name, cls=Grouped, short_help=in_short)(command)


def show_version(wanted: bool) -> None:
    if wanted:
        print(f"bptt {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit status 2."""
    if not os.environ.get("COLUMNS", "0").strip("0"):  # 0 is unknown; rich would show nothing in it
        os.environ.pop("COLUMNS", None)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with terminal.explained_output():
            app()
    except InputError as error:
        fail(str(error))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        fail(f"can't use {error.filename or 'a file'}: {error.strerror or error}")
    except MemoryError as error:
        fail(f"not enough memory: {str(error) or 'try a smaller text or network'}")
    except KeyboardInterrupt:
        sys.exit(130)


def fail(message: str) -> None:
    line = f"error: {errors.harmless(message)}"
    if sys.stderr.isatty():
        line = terminal.wrapped(line, shutil.get_terminal_size().columns)
    print(line, file=sys.stderr)
    sys.exit(2)

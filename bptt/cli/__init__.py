"""The command line."""

import io
import sys

import typer

from .. import display
from ..errors import InputError
from ..verify.certify_command import certify
from ..verify.command import verify
from .compare import compare
from .evaluate import evaluate
from .lockstep import lockstep
from .texts import list_corpora, sample
from .train import Train, train

app = typer.Typer(
    help="A character-level recurrent network with gradients that can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(cls=Train)(train)
app.command()(sample)
app.command("eval")(evaluate)
app.command()(compare)
app.command("corpora")(list_corpora)
app.command()(lockstep)
app.command()(verify)
app.command()(certify)


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except InputError as error:
        fail(str(error))
    except MemoryError as error:
        fail(f"not enough memory: {error or 'try smaller sizes'}")
    except KeyboardInterrupt:
        sys.exit(130)


def fail(message: str) -> None:
    print(f"error: {display.harmless(message)}", file=sys.stderr)
    sys.exit(2)

"""Lets `python -m bptt.verify` do what `bptt verify` does."""

import sys

import typer

from bptt.display import harmless
from bptt.errors import InputError

from .command import verify

if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(verify)
    try:
        app()
    except InputError as error:
        print(f"error: {harmless(str(error))}", file=sys.stderr)
        sys.exit(2)

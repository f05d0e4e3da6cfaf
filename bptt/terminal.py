"""Terminal output: a console, commands to copy, line wrapping, a full standard output."""

import io
import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress

from rich.console import Console

from .errors import InputError


def console() -> Console:
    """Return a console that wraps lines between words on a terminal, and nowhere else."""
    made = Console(highlight=False)
    made.soft_wrap = not made.is_terminal
    return made


@contextmanager
def explained_output() -> Iterator[None]:
    """Raise InputError inside the block if standard output can't be written: a full disk, say.

    A reader that closed its pipe raises BrokenPipeError, as always.
    """
    if not isinstance(sys.stdout, io.TextIOWrapper):  # None, where it was closed from the start
        yield
        return
    output = _Output(sys.stdout)
    with redirect_stdout(output):
        try:
            yield
        finally:
            try:
                output.flush()
            finally:
                with suppress(InputError):  # what there was to say has been said
                    output.detach()  # or the stream below would be closed with this one


class _Output(io.TextIOWrapper):
    """A stream whose errors say that they are standard output's."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        super().__init__(
            stream.buffer,
            stream.encoding,
            stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )

    def write(self, text: str) -> int:
        if text == "":  # whoever tries whether it can be written doesn't report that it can't
            return 0
        with self._explained():
            return super().write(text)

    def flush(self) -> None:
        with self._explained():
            super().flush()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self._give_up()
            raise InputError(
                f"can't write on standard output: {error.strerror or error}"
            ) from error

    def _give_up(self) -> None:
        """Let what is in the buffer go nowhere, or it would fail again at the end."""
        with suppress(OSError):  # of streams that aren't files
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def advise(console: Console, words: str, command: str) -> None:
    """Print a command to copy, on a line of its own if it doesn't fit beside the words."""
    line = f"{words}: {command}"
    if console.is_terminal and len(line) > console.width:
        console.print(f"{words}:", markup=False)
        line = command
    console.print(line, markup=False, soft_wrap=True)


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Wrap long lines between words, never inside one; indented lines stay as they are."""
    filler = textwrap.TextWrapper(
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(
        line if line.startswith(" ") else filler.fill(line) for line in text.split("\n")
    )

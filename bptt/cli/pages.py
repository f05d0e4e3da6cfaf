"""bptt find-the-bug and bptt watch: pages to teach with."""

from pathlib import Path
from typing import Annotated

import typer

from .. import files, terminal
from ..errors import explained
from .options import LastWeights, RunPath, refuse_output, whole

LONGEST = 2000  # characters; a page of a few megabytes

Out = Annotated[
    Path,
    typer.Option("--out", metavar="FILE.html", help="The page to write; it loads nothing."),
]


def find_the_bug(out: Out) -> None:
    """Write a page of exercises: a backward pass with one wrong line, which the reader finds.

    Every mistake is trained and measured when the page is made, in less than a minute.
    """
    refuse_output("--out", out, ".html")
    from ..pages import exercises  # only here: it imports torch, seconds
    from ..pages.find_the_bug import find_the_bug as page
    from ..pages.mistakes import MISTAKES

    with terminal.console().status(f"training {len(MISTAKES)} networks"):
        html = page(exercises.make(MISTAKES))
    _write(out, html)


def watch(
    run: RunPath,
    out: Out,
    text: Annotated[
        Path | None,
        typer.Option(
            "--text",
            metavar="FILE",
            help="The text to read. [default: the run's validation text]",
            show_default=False,
        ),
    ] = None,
    length: Annotated[
        int,
        typer.Option(
            "--length", parser=whole(1, LONGEST), metavar="N", help="Number of characters to read."
        ),
    ] = 240,
    last: LastWeights = False,
) -> None:
    """Write a page on which a run's network reads a text.

    For the character pointed at, it shows the hidden state, the probabilities of the next
    character, the gradient's norm against the lag, and which entries the running clip clips.
    """
    refuse_output("--out", out, ".html")
    from ..pages.watch import page
    from ..pages.watching import watch as read

    _write(out, page(run, read(run, text, length=length, last=last)))


def _write(out: Path, html: str) -> None:
    with explained("write", out):
        files.write(out, html.encode("utf-8"))
    print(f"{out} ({len(html) / 1e6:.1f} MB): open it in a browser.")

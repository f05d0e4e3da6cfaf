"""bptt reproduce: train a run again, and say whether the weights are the same to the last bit."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from .. import terminal
from .options import TextOfRun


def reproduce(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a finished run.", show_default=False)
    ],
    corpus: TextOfRun = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="RUN",
            help="Keep the second run in this folder. [default: a temporary one]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a finished run again and compare the weights at every checkpoint, bit by bit.

    CORPUS is the run's text, if it lies elsewhere by now. Exit status 1 if any bit differs; then
    it says since which checkpoint.
    """
    from ..experiments import reproduction  # only here: it imports torch, which takes long
    from ..runs.folder import RunFolder

    folder, console = RunFolder(run), terminal.console()
    config = folder.read_config()
    expected = reproduction.required(folder)
    if out is None:
        console.print(
            "The second run is in a temporary folder, which is removed when this ends, also by "
            "Ctrl-C; --out RUN keeps it."
        )
    with tempfile.TemporaryDirectory() as temporary:
        found = reproduction.repeat(folder, corpus, out or Path(temporary) / folder.path.name)
    if found.is_exact:
        console.print(
            f"The same bits: the weights at all {found.agreed} checkpoints, the best and the last "
            f"ones (SHA-256 {expected.final_weights}).",
            markup=False,
        )
        return
    if found.first_other is None:
        which = "last" if not found.final else "best"
        said = f"the {which} weights differ, but none of the {found.agreed} checkpoints' before"
    elif found.agreed == 0:
        said = f"the weights differ from the first checkpoint on, of iteration {found.first_other}"
    else:
        said = (
            f"the weights differ since the checkpoint of iteration {found.first_other}; those of "
            f"iteration {found.last_agreed} and before are the same"
        )
    console.print(f"Other bits: {said}.", markup=False)
    for difference in reproduction.differences(config):
        console.print(f"Note: {difference}.", markup=False)
    raise typer.Exit(1)

"""bptt reproduce: train a run again, and say whether the weights are the same to the last bit."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import terminal
from ..errors import InputError
from .options import SEED, TextOfRun, option_of

if TYPE_CHECKING:
    from ..experiments.reproduction import Claim, Reproduction


def reproduce(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="Folder of a finished run, a card.md, or a TOML file with [[results]] in it.",
            show_default=False,
        ),
    ],
    corpus: TextOfRun = None,
    validation_file: Annotated[
        str | None,
        option_of("validation_file", description="The run's validation text, if it was moved."),
    ] = None,
    test_file: Annotated[
        str | None, option_of("test_file", description="The run's test text, if it was moved.")
    ] = None,
    init_from: Annotated[
        str | None,
        option_of(
            "init_from",
            description="The run, or a checkpoint, with the weights that RUN started from, if it "
            "started from another run's and that was moved.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=SEED,
            metavar="N",
            help="Of several results in RUN, train only this seed's.",
            show_default=False,
        ),
    ] = None,
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
    """Train a finished run again and compare the weights bit by bit, at every checkpoint.

    A card or a TOML file has the digests of the last and the best weights only. CORPUS is the run's
    text, if it lies elsewhere by now; of several results, those on this text. A text with another
    SHA-256 is refused. Exit status 1 if any bit differs; of a run folder, it names
    the first checkpoint that differs.
    """
    from ..experiments import reproduction  # only here: it imports torch, which takes long
    from ..text.library import Library

    library, console = Library(), terminal.console()
    claims = reproduction.chosen(reproduction.claims(run), seed, corpus, library)
    places = {
        "corpus": corpus,
        "validation_file": validation_file,
        "test_file": test_file,
        "init_from": init_from,
    }
    if len(claims) > 1 and out is not None:
        raise InputError(f"--out is one run's folder, and {run} has {len(claims)}: choose --seed")
    if out is None:
        console.print(
            "The second run is in a temporary folder, which is removed when this ends, also by "
            "Ctrl-C; --out RUN keeps it."
        )
    exact = True
    for claim in claims:
        if len(claims) > 1:
            console.print(f"{claim.name}:", style="bold", markup=False)
        with tempfile.TemporaryDirectory() as temporary:
            place = out or Path(temporary) / (run.stem or "run")
            found = reproduction.repeat(claim, places, place, library)
        console.print(_said(claim, found), markup=False)
        if not found.is_exact:
            exact = False
            for difference in reproduction.differences(claim):
                console.print(f"Note: {difference}.", markup=False)
    if not exact:
        raise typer.Exit(1)


def _said(claim: "Claim", found: "Reproduction") -> str:
    if found.is_exact:
        last = "the last ones" if claim.best is None else "the best and the last ones"
        which = f"the weights at all {found.agreed} checkpoints, {last}" if claim.log else last
        return f"The same bits: {which} (SHA-256 {claim.final})."
    if found.first_other is None:
        which = "last" if not found.final else "best"
        if not claim.log:
            return (
                f"Other bits: the {which} weights differ; since when isn't known, as {claim.path} "
                "has no digests of checkpoints."
            )
        said = f"the {which} weights differ, but none of the {found.agreed} checkpoints' before"
    elif found.agreed == 0:
        said = f"the weights differ from the first checkpoint on, of iteration {found.first_other}"
    else:
        said = (
            f"the weights differ since the checkpoint of iteration {found.first_other}; those of "
            f"iteration {found.last_agreed} and before are the same"
        )
    return f"Other bits: {said}."

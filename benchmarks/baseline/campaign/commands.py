"""`python -m benchmarks baseline campaign search|adopt|finalists|table`."""

from pathlib import Path
from typing import Annotated

import typer

from bptt.errors import InputError
from bptt.settings_file import to_toml

from . import counting, finalists, halving, page, protocols, record
from . import space as spaces

app = typer.Typer(
    help="The record of the plain RNN: searches with equal budgets, finalists, the table. Each "
    "command, stopped or killed and started again, goes on where it was."
)
Jobs = Annotated[int, typer.Option("--jobs", min=1, metavar="N", help="Trainings at a time.")]
CorpusOption = Annotated[
    str, typer.Option("--corpus", metavar="CORPUS", help="A corpus's name, or a file.")
]


def _say(text: str) -> None:
    print(text, flush=True)


@app.command()
def search(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the search.")],
    space: Annotated[
        str, typer.Option("--space", metavar="NAME|FILE", help="A space by name, or its TOML file.")
    ] = "rnn",
    corpus: CorpusOption = "tinyshakespeare",
    trials: Annotated[int, typer.Option("--trials", min=1, metavar="N")] = 24,
    characters: Annotated[
        int, typer.Option("--characters", min=1, metavar="N", help="Of a trial that isn't stopped.")
    ] = 20_000_000,
    validations: Annotated[
        int, typer.Option("--validations", min=8, metavar="N", help="Of a trial; 8, 16, 24, …")
    ] = 40,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Of the draws.")] = 1,
    jobs: Jobs = 1,
) -> None:
    """Draw --trials settings, train all, and stop the worse half after 1/8, 1/4 and 1/2.

    DIR/trials.jsonl has a line for each trial.
    """
    file = Path(space) if space.endswith(".toml") else spaces.SPACES / f"{space}.toml"
    if not file.exists():
        known = ", ".join(sorted(path.stem for path in spaces.SPACES.glob("*.toml")))
        raise InputError(f"--space must be a file or one of {known}, got {space}")
    if validations % 8:
        raise InputError(f"--validations must be a multiple of 8, got {validations}")
    budget = halving.Budget(
        corpus=corpus, trials=trials, characters=characters, validations=validations, seed=seed
    )
    ranking = halving.search(spaces.read(file), budget, out, jobs, _say)
    for line in ranking:
        print(f"trial {line['trial']}: {line['best_bits']:.4f} bits")
    print(f"\nbest:\n{to_toml(ranking[0]['settings'])}")


@app.command()
def adopt(
    found: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a search.", show_default=False)
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Of the protocol, such as record-512.")
    ],
    trial: Annotated[
        int | None, typer.Option("--trial", min=1, metavar="N", help="[default: the best one]")
    ] = None,
    characters: Annotated[
        int | None,
        typer.Option("--characters", min=1, metavar="N", help="Train longer than the trial did."),
    ] = None,
) -> None:
    """Write the settings of a search's best trial as a protocol."""
    model, settings, comment = halving.adopted(found, trial, characters)
    folder = protocols.PROTOCOLS if model == spaces.MODELS[0] else protocols.PEERS
    protocols.write(folder / f"{name}.toml", comment, settings)
    print(folder / f"{name}.toml")


@app.command("finalists")
def train_finalists(
    protocol: Annotated[list[str], typer.Option("--protocol", metavar="NAME", help="Repeatable.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of all finalists.")],
    corpus: CorpusOption = "tinyshakespeare",
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Seeds 1 to N.")] = 5,
    jobs: Jobs = 1,
) -> None:
    """Train protocols to their end, with several seeds each."""
    finalists.train(protocol, corpus, seeds, out, jobs, _say)


@app.command()
def table(
    found: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR]...", help="Folders of finalists.")
    ] = None,
    counts: Annotated[
        bool, typer.Option("--counts", help="Count n-grams and compress, too, where it isn't done.")
    ] = False,
) -> None:
    """Put finished runs into results.json, their digests into the protocols, and fill the pages."""
    lines = []
    for folder in found or []:
        for corpus, protocol, runs in finalists.finished(folder):
            one = finalists.line(corpus, protocol, runs)
            protocols.with_results(protocols.find(protocol), one)
            lines.append(one)
            _say(f"{corpus} {protocol}: {one.spread('validation_nats')} nats")
    known = record.read().updated(lines, [])
    if counts:
        known = known.updated([], list(counting.missing(known)))
    record.write(known)
    for changed in page.update(known):
        print(changed)

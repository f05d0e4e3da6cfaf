"""bptt lockstep: engines compared gradient by gradient, and let go."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .. import corpora, run_folder
from ..errors import InputError
from .options import (
    COUNT,
    DEFAULTS,
    NO_CLIP,
    Clip,
    CorpusName,
    Encoding,
    HiddenSize,
    LearningRate,
    Seed,
    SeqLength,
)

FREE = 60


def lockstep(
    corpus: CorpusName = None,
    base: Annotated[
        str, typer.Option("--base", metavar="ENGINE", help="Whom the others are held against.")
    ] = "numpy",
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="ENGINE",
            help="Whom to hold against it; may be given several times. [default: all others]",
            show_default=False,
        ),
    ] = None,
    iterations: Annotated[
        int, typer.Option("--iterations", parser=COUNT, metavar="N", help="In lockstep.")
    ] = 300,
    free: Annotated[
        int, typer.Option("--free", parser=COUNT, metavar="N", help="Iterations after letting go.")
    ] = FREE,
    hidden_size: HiddenSize = None,
    seq_length: SeqLength = None,
    learning_rate: LearningRate = None,
    seed: Seed = None,
    clip: Clip = None,
    encoding: Encoding = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Where to put figures and plot. [default: the next free runs/lockstep-N]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare engines at the same weights, then let them go and see how soon they part.

    In lockstep, every engine computes the gradient of the same window at the same weights, with
    the running clip and without. Let go, each trains by itself from the same start.
    """
    from reference import Hyperparameters, Training, Vocabulary

    from ..verify import lockstep as comparison
    from ..verify import lockstep_report as report

    others = against or [name for name in comparison.CONTENDERS if name != base]
    for name in (base, *others):
        if name not in comparison.CONTENDERS:
            raise InputError(
                f"no engine is called {name!r}; there are {', '.join(comparison.CONTENDERS)}"
            )
    for what, fits in (
        ("gradients of its own", comparison.CONTENDERS[base].gradient),
        ("training of its own", comparison.CONTENDERS[base].start),
    ):
        if fits is None:
            raise InputError(f"--base {base} won't do: it has no {what}")
    if out is not None:
        run_folder.refuse_existing(out)
    loaded = corpora.load(corpus or corpora.DEFAULT, encoding or "utf-8")
    vocabulary = Vocabulary.from_text(loaded.text)
    text = vocabulary.encode(loaded.text)
    given = {
        "hidden_size": hidden_size,
        "seq_length": seq_length,
        "learning_rate": learning_rate,
        "seed": seed,
        "clip": clip,
    }
    settings = {key: DEFAULTS[key] if value is None else value for key, value in given.items()}
    bound = None if settings["clip"] == NO_CLIP else settings["clip"]
    shape = {key: settings[key] for key in ("hidden_size", "seq_length", "learning_rate")}
    more = {"vocabulary": vocabulary, "seed": settings["seed"], "clip": bound}
    try:
        training = Training(text, Hyperparameters(iterations=iterations, **shape), **more)
    except ValueError as error:
        raise InputError(f"{loaded.name}: {error}") from error
    console = Console(highlight=False)
    try:
        comparisons = report.collect(
            console,
            comparison.run_in_lockstep(training, base, others),
            "in lockstep",
            iterations * sum(comparison.CONTENDERS[name].gradient is not None for name in others),
        )
        gaps = comparison.run_free(
            text, Hyperparameters(iterations=free, **shape), base, others, **more
        )
    except FloatingPointError as error:
        raise InputError(f"the base's training broke down: {error}") from error
    folder = out or run_folder.next_free("lockstep")
    report.show(console, base, comparisons, gaps)
    report.save(folder, base, comparisons, gaps, {"corpus": loaded.sha256, **settings})
    console.print(f"{folder} holds lockstep.json and lockstep.png.", markup=False)

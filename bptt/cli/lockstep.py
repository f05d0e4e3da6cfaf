"""bptt lockstep: engines compared gradient by gradient, and in free training."""

from pathlib import Path
from typing import Annotated

import typer
from threadpoolctl import threadpool_limits

from .. import terminal
from ..errors import InputError
from ..runs import folder as run_folder
from ..sessions import display
from ..settings import DEFAULTS
from ..text import corpora
from .options import COUNT, NONE, CorpusName, option_of

LOCKED = 60
FREE = 60


def lockstep(
    corpus: CorpusName = None,
    base: Annotated[
        str,
        typer.Option(
            "--base", metavar="ENGINE", help="The engine that the others are compared with."
        ),
    ] = "numpy",
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="ENGINE",
            help="An engine to compare with it; may be given several times. [default: all "
            "others, and a nudged copy]",
            show_default=False,
        ),
    ] = None,
    iterations: Annotated[
        int, typer.Option("--iterations", parser=COUNT, metavar="N", help="Iterations in lockstep.")
    ] = LOCKED,
    free: Annotated[
        int,
        typer.Option("--free", parser=COUNT, metavar="N", help="Iterations of free training."),
    ] = FREE,
    hidden_size: Annotated[int | None, option_of("hidden_size")] = None,
    seq_length: Annotated[int | None, option_of("seq_length")] = None,
    learning_rate: Annotated[
        float | None,
        option_of(
            "learning_rate",
            description="Learning rate of Adagrad, which all train with here.",
            default_text=DEFAULTS["learning_rate"],
        ),
    ] = None,
    seed: Annotated[int | None, option_of("seed")] = None,
    clip: Annotated[
        float | None, option_of("clip", description="Bound of the running clip, or none.")
    ] = None,
    encoding: Annotated[str | None, option_of("encoding")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Folder to make for lockstep.json and lockstep.png. [default: the next free "
            "runs/lockstep-N]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare the engines' gradients at the same weights, then their training from the same start.

    In lockstep, every engine computes the gradient of the same window at the same weights, with
    the running clip and without: they agree to rounding. In free training each updates weights of
    its own, which soon have nothing in common. The engines are numpy, torch, torch-float32, fast,
    fast-float32, autograd, and nudged, which is numpy with its initial weights moved by 1e-15.
    """
    import torch

    from reference import Hyperparameters, Training, Vocabulary

    from ..verify.network import lockstep as comparison
    from ..verify.network import lockstep_report as report

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
    bound = None if settings["clip"] == NONE else settings["clip"]
    shape = {key: settings[key] for key in ("hidden_size", "seq_length", "learning_rate")}
    more = {"vocabulary": vocabulary, "seed": settings["seed"], "clip": bound}
    try:
        training = Training(text, Hyperparameters(iterations=iterations, **shape), **more)
    except ValueError as error:
        raise InputError(f"{loaded.name}: {error}") from error
    compared = [name for name in others if comparison.CONTENDERS[name].gradient is not None]
    console = terminal.console()
    console.print(
        f"{iterations} iterations in lockstep with {base} ({', '.join(compared) or 'nobody'}), "
        f"then {free} in free training. Kernels that aren't compiled yet take some seconds more.",
        markup=False,
    )
    torch.set_num_threads(1)  # products as small as these only wait for more threads
    try:
        with threadpool_limits(1):
            comparisons = list(
                display.watched(
                    console,
                    comparison.run_in_lockstep(training, base, compared),
                    "in lockstep",
                    iterations * len(compared),
                )
            )
            gaps = comparison.run_free(
                text,
                Hyperparameters(iterations=free, **shape),
                base,
                others,
                watched=lambda turns: display.watched(console, turns, "free training", free),
                **more,
            )
    except FloatingPointError as error:
        raise InputError(f"the base's training broke down: {error}") from error
    folder = out or run_folder.next_free("lockstep")
    report.show(console, base, comparisons, gaps)
    recorded = {"corpus": loaded.sha256, **settings, "clip": bound}
    report.save(folder, base, comparisons, gaps, recorded)
    console.print(f"{folder} holds lockstep.json and lockstep.png.", markup=False)

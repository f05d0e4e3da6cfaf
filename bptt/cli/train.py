"""bptt train: begin a run, or go on with one."""

from pathlib import Path
from typing import Annotated

import typer

from ..engines.processes import joined
from .launching import lead
from .options import (
    COUNT,
    NO_CLIP,
    Clip,
    CorpusName,
    Encoding,
    HiddenSize,
    Jobs,
    LearningRate,
    Seed,
    Seeds,
    SeqLength,
    choice,
    positive,
    proportion,
    setting,
    whole,
    zero_or_positive,
)

ENGINES = "Which implementation computes: numpy (reference), torch (its twin), fast (compiled)."


def train(
    corpus: CorpusName = None,
    hidden_size: HiddenSize = None,
    seq_length: SeqLength = None,
    lanes: Annotated[
        int | None,
        setting(
            "--lanes",
            "Parallel streams of the text (batch size): each carries its own state, and their "
            "gradients are summed.",
            "lanes",
            parser=COUNT,
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        setting(
            "--iterations",
            "Number of updates; each reads one window of every lane.",
            "iterations",
            parser=COUNT,
        ),
    ] = None,
    optimizer: Annotated[
        str | None, choice("--optimizer", "Update rule of the weights.", "optimizer")
    ] = None,
    learning_rate: LearningRate = None,
    momentum: Annotated[
        float | None,
        setting(
            "--momentum",
            "Momentum of SGD (0 to below 1).",
            "momentum",
            parser=proportion,
            metavar="FRACTION",
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        setting(
            "--weight-decay",
            "Weight decay, for every optimizer but adagrad.",
            "weight_decay",
            parser=zero_or_positive,
            metavar="RATE",
        ),
    ] = None,
    schedule: Annotated[
        str | None, choice("--schedule", "How the learning rate changes over the run.", "schedule")
    ] = None,
    warmup: Annotated[
        int | None,
        setting(
            "--warmup",
            "Iterations in which the rate rises from 0 before the cosine.",
            "warmup",
            parser=whole(0),
        ),
    ] = None,
    final_share: Annotated[
        float | None,
        setting(
            "--final-share",
            "Learning rate at the end of the cosine, as a fraction of the full one.",
            "final_share",
            parser=proportion,
            metavar="FRACTION",
        ),
    ] = None,
    plateau_factor: Annotated[
        float | None,
        setting(
            "--plateau-factor",
            "What the learning rate is multiplied by on a plateau.",
            "plateau_factor",
            parser=proportion,
            metavar="FRACTION",
        ),
    ] = None,
    plateau_patience: Annotated[
        int | None,
        setting(
            "--plateau-patience",
            "Validations without a new best before the rate is reduced.",
            "plateau_patience",
            parser=whole(0),
        ),
    ] = None,
    clip_kind: Annotated[
        str | None,
        choice(
            "--clip-kind",
            "What --clip bounds: the running sums over time steps, each entry of the finished "
            "gradient, or its norm.",
            "clip_kind",
        ),
    ] = None,
    clip: Clip = None,
    initialization: Annotated[
        str | None, choice("--initialization", "How the first weights are drawn.", "initialization")
    ] = None,
    learn_initial_state: Annotated[
        bool | None,
        typer.Option(
            "--learn-initial-state/--no-learn-initial-state",
            help="Learn the first hidden state, which otherwise is zero.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = None,
    number: Seeds = None,
    jobs: Jobs = None,
    split: Annotated[
        str | None,
        setting(
            "--split",
            "Percentages of the text for training, validation and test, in this order; all: "
            "training only.",
            "split",
            metavar="A/B/C|all",
        ),
    ] = None,
    validation_file: Annotated[
        str | None,
        setting(
            "--validation-file",
            "A second text for validation; all of CORPUS is then for training.",
            "validation_file",
            metavar="CORPUS",
        ),
    ] = None,
    test_file: Annotated[
        str | None,
        setting(
            "--test-file",
            "A third text for the test; needs --validation-file.",
            "test_file",
            metavar="CORPUS",
        ),
    ] = None,
    validate_every: Annotated[
        int | None,
        setting(
            "--validate-every", "Iterations between validations.", "validate_every", parser=COUNT
        ),
    ] = None,
    patience: Annotated[
        int | None,
        setting(
            "--patience",
            "Stop after N validations in a row without a new best; 0: never.",
            "patience",
            parser=whole(0),
        ),
    ] = None,
    time_budget: Annotated[
        float | None,
        setting(
            "--time-budget",
            "Stop after this much training time. [default: none]",
            "time_budget",
            parser=positive,
            metavar="SECONDS",
        ),
    ] = None,
    sample_every: Annotated[
        int | None,
        setting("--sample-every", "Iterations between samples.", "sample_every", parser=COUNT),
    ] = None,
    sample_temperature: Annotated[
        float | None,
        setting(
            "--sample-temperature",
            "Temperature of the samples; 0 takes the most probable character.",
            "sample_temperature",
            parser=zero_or_positive,
            metavar="NUMBER",
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        setting(
            "--checkpoint-every",
            "Iterations between checkpoints.",
            "checkpoint_every",
            parser=COUNT,
        ),
    ] = None,
    log_every: Annotated[
        int | None,
        setting("--log-every", "Iterations between lines of log.jsonl.", "log_every", parser=COUNT),
    ] = None,
    diagnostics: Annotated[
        bool | None,
        typer.Option(
            "--diagnostics/--no-diagnostics",
            help="Measure at every checkpoint how gradients shrink or grow back in time.",
            show_default=False,
        ),
    ] = None,
    tensorboard: Annotated[
        bool | None,
        typer.Option(
            "--tensorboard",
            help="Also write a log for TensorBoard, in RUN/tensorboard.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[str | None, choice("--engine", ENGINES, "engine")] = None,
    dtype: Annotated[str | None, choice("--dtype", "Precision of the numbers.", "dtype")] = None,
    encoding: Encoding = None,
    units: Annotated[
        str | None,
        choice(
            "--units",
            "What a symbol is: a character or a byte. [default: characters, and bytes for enwik8]",
            "units",
        ),
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="A file of settings: TOML, or a run's config.json. Options on the command line "
            "overrule it.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="RUN",
            help="Run folder to make. [default: the next free runs/CORPUS-N]",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Continue a run that was interrupted, or to more --iterations.",
        ),
    ] = None,
) -> None:
    """Train a network on a text.

    Ctrl-C saves and stops; --resume continues to the same bytes as without the interruption.

    torchrun --nproc-per-node N -m bptt train … splits the lanes of --engine fast over N processes.
    """
    options = {**locals()}
    for key in ("corpus", "number", "jobs", "settings_file", "out", "resume"):
        del options[key]
    given = {key: value for key, value in options.items() if value is not None}
    if given.get("clip") == NO_CLIP:
        given["clip"] = None
    with joined() as group:
        if group.leads:
            lead(corpus, given, number, jobs, settings_file, out, resume, group)
        else:
            from ..sessions.follower import follow  # only here: it imports torch, which takes long

            follow(group)

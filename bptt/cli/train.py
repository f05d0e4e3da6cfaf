"""bptt train: begin a run, or go on with one."""

from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ..group import joined
from .grouped import Grouped
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


class Train(Grouped):
    """Every setting has its place in a group; what is about the run's folder has none."""

    groups: ClassVar = {
        "Network": ["hidden_size", "initialization", "learn_initial_state", "seed"],
        "Text": ["seq_length", "lanes", "split", "validation_file", "test_file", "encoding",
                 "units"],
        "Optimization": ["iterations", "time_budget", "optimizer", "learning_rate", "momentum",
                         "weight_decay", "clip", "clip_kind"],
        "Schedule": ["schedule", "warmup", "final_share", "plateau_factor", "plateau_patience"],
        "Validation": ["validate_every", "patience"],
        "Output": ["sample_every", "sample_temperature", "checkpoint_every", "log_every",
                   "diagnostics", "tensorboard"],
        "Engine": ["engine", "dtype"],
    }  # fmt: skip


def train(
    corpus: CorpusName = None,
    hidden_size: HiddenSize = None,
    seq_length: SeqLength = None,
    lanes: Annotated[
        int | None,
        setting(
            "--lanes",
            "Streams of the text that are read side by side; their gradients are summed.",
            "lanes",
            parser=COUNT,
        ),
    ] = None,
    iterations: Annotated[
        int | None, setting("--iterations", "Windows to train on.", "iterations", parser=COUNT)
    ] = None,
    optimizer: Annotated[
        str | None, choice("--optimizer", "How the weights follow the gradients.", "optimizer")
    ] = None,
    learning_rate: LearningRate = None,
    momentum: Annotated[
        float | None,
        setting(
            "--momentum",
            "Of sgd's earlier steps, in the next.",
            "momentum",
            parser=proportion,
            metavar="SHARE",
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        setting(
            "--weight-decay",
            "Of every optimizer but adagrad.",
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
        setting("--warmup", "Iterations of a cosine's rise.", "warmup", parser=whole(0)),
    ] = None,
    final_share: Annotated[
        float | None,
        setting(
            "--final-share",
            "What a cosine leaves of the rate at its end.",
            "final_share",
            parser=proportion,
            metavar="SHARE",
        ),
    ] = None,
    plateau_factor: Annotated[
        float | None,
        setting(
            "--plateau-factor",
            "What a plateau multiplies the rate by.",
            "plateau_factor",
            parser=proportion,
            metavar="SHARE",
        ),
    ] = None,
    plateau_patience: Annotated[
        int | None,
        setting(
            "--plateau-patience",
            "Validations without a new best that are not yet a plateau.",
            "plateau_patience",
            parser=whole(0),
        ),
    ] = None,
    clip_kind: Annotated[
        str | None,
        choice(
            "--clip-kind",
            "What the clip bounds: the running sums over steps, the finished gradient's entries "
            "or its norm.",
            "clip_kind",
        ),
    ] = None,
    clip: Clip = None,
    initialization: Annotated[
        str | None, choice("--initialization", "Where the weights begin.", "initialization")
    ] = None,
    learn_initial_state: Annotated[
        bool | None,
        typer.Option(
            "--learn-initial-state/--no-learn-initial-state",
            help="Learn the state that a text begins with, which otherwise is zero.",
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
            "Shares of the text for training, validation and test, from its beginning; or all.",
            "split",
            metavar="A/B/C|all",
        ),
    ] = None,
    validation_file: Annotated[
        str | None,
        setting(
            "--validation-file",
            "Another text to validate on; CORPUS is then trained on as a whole.",
            "validation_file",
            metavar="CORPUS",
        ),
    ] = None,
    test_file: Annotated[
        str | None,
        setting("--test-file", "Another text for the test.", "test_file", metavar="CORPUS"),
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
            "Stop after so many validations without a new best; 0 is never.",
            "patience",
            parser=whole(0),
        ),
    ] = None,
    time_budget: Annotated[
        float | None,
        setting(
            "--time-budget",
            "Stop after so much time, interruptions not counted. [default: none]",
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
            "Of the samples; 0 takes the most probable character.",
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
            help="At every checkpoint, measure how the gradient flows back in time.",
            show_default=False,
        ),
    ] = None,
    tensorboard: Annotated[
        bool | None,
        typer.Option(
            "--tensorboard",
            help="Write the log for TensorBoard, too, in RUN/tensorboard.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[str | None, choice("--engine", "Who computes.", "engine")] = None,
    dtype: Annotated[str | None, choice("--dtype", "In which numbers.", "dtype")] = None,
    encoding: Encoding = None,
    units: Annotated[
        str | None, choice("--units", "What a symbol is. [default: the text's own]", "units")
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings as TOML, or a run's config.json; options given here come first.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="RUN",
            help="The run folder to make. [default: the next free runs/CORPUS-N]",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Go on with a run that was interrupted, or to more --iterations.",
        ),
    ] = None,
) -> None:
    """Train a network on a text.

    Ctrl-C saves and stops; --resume then goes on as if nothing had happened, bit for bit.

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
            from ..following import follow  # only here: it imports torch, which takes long

            follow(group)

"""What options take, and what they say of anything else."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import corpora

DEFAULTS = {
    "engine": "numpy",
    "dtype": "float64",
    "hidden_size": 150,
    "seq_length": 35,
    "learning_rate": 0.05,
    "iterations": 10_000,
    "seed": 1,
    "clip": 5.0,
    "sample_every": 1000,
    "checkpoint_every": 1000,
    "log_every": 10,
    "diagnostics": False,
}
NO_CLIP = math.inf


def whole(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Make a parser of whole numbers in a range."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if value < lowest or (highest is not None and value > highest):
            range_ = f"at least {lowest}" if highest is None else f"{lowest} to {highest}"
            raise typer.BadParameter(f"expected a whole number of {range_}, got {text}")
        return value

    return parse


def one_of(*names: str) -> Callable[[str], str]:
    """Make a parser of one of these names."""

    def parse(text: str) -> str:
        if text not in names:
            raise typer.BadParameter(f"expected one of {', '.join(names)}, got {text}")
        return text

    return parse


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def positive(text: str) -> float:
    value = number(text)
    if not 0.0 < value < math.inf:
        raise typer.BadParameter(f"expected a positive finite number, got {text}")
    return value


def zero_or_positive(text: str) -> float:
    return 0.0 if number(text) == 0.0 else positive(text)


def share(text: str) -> float:
    value = positive(text)
    if value > 1.0:
        raise typer.BadParameter(f"expected a share above 0 and at most 1, got {text}")
    return value


def positive_or_none(text: str) -> float:
    return NO_CLIP if text == "none" else positive(text)


COUNT = whole(1)
SEED = whole(0, 2**32 - 1)


def setting(name: str, text: str, key: str, **more: Any) -> Any:
    """An option that is None unless given: a resumed run must know which were."""
    text = f"{text} [default: {DEFAULTS[key]}]"
    return typer.Option(name, help=text, show_default=False, **{"metavar": "N", **more})


RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]

CorpusName = Annotated[
    str | None,
    typer.Argument(
        metavar="[CORPUS]",
        help="A file, - for standard input, or a name that `bptt corpora` lists "
        f"[default: {corpora.DEFAULT}].",
        show_default=False,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding", metavar="NAME", help="Of CORPUS. [default: utf-8]", show_default=False
    ),
]
HiddenSize = Annotated[
    int | None, setting("--hidden", "Hidden units.", "hidden_size", parser=COUNT)
]
SeqLength = Annotated[
    int | None, setting("--seq-length", "Characters in a window.", "seq_length", parser=COUNT)
]
LearningRate = Annotated[
    float | None,
    setting("--learning-rate", "Adagrad's.", "learning_rate", parser=positive, metavar="RATE"),
]
Seed = Annotated[int | None, setting("--seed", "Of the weights.", "seed", parser=SEED)]
Clip = Annotated[
    float | None,
    setting(
        "--clip",
        "Bound of the running sums, or none.",
        "clip",
        parser=positive_or_none,
        metavar="NUMBER|none",
    ),
]

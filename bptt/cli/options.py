"""What options take, and what they say of anything else."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from .. import corpora
from ..settings import DEFAULTS, RATES, Settings

NO_CLIP = math.inf


Text = str | int | float  # typer asks a parser for the default's value too, as it stands


def whole(lowest: int, highest: int | None = None) -> Callable[[Text], int]:
    """Make a parser of whole numbers in a range."""

    def parse(text: Text) -> int:
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


def number(text: Text) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def positive(text: Text) -> float:
    value = number(text)
    if not 0.0 < value < math.inf:
        raise typer.BadParameter(f"expected a positive finite number, got {text}")
    return value


def zero_or_positive(text: Text) -> float:
    return 0.0 if number(text) == 0.0 else positive(text)


def share(text: Text) -> float:
    value = positive(text)
    if value > 1.0:
        raise typer.BadParameter(f"expected a share above 0 and at most 1, got {text}")
    return value


def proportion(text: Text) -> float:
    value = number(text)
    if not 0.0 <= value <= 1.0:
        raise typer.BadParameter(f"expected a share from 0 to 1, got {text}")
    return value


def positive_or_none(text: Text) -> float:
    return NO_CLIP if text == "none" else positive(text)


COUNT = whole(1)
SEED = whole(0, 2**32 - 1)


def setting(name: str, text: str, key: str, **more: Any) -> Any:
    """An option that is None unless given: a resumed run must know which were."""
    default = more.pop("default", DEFAULTS[key])
    if default is not None:
        text = f"{text} [default: {default}]"
    return typer.Option(name, help=text, show_default=False, **{"metavar": "N", **more})


def choice(name: str, text: str, key: str) -> Any:
    """An option that takes one of the names that the setting knows."""
    annotation = Settings.model_fields[key].annotation
    members = [part for part in (annotation, *get_args(annotation)) if get_origin(part) is Literal]
    names = get_args(members[0])
    return setting(name, text, key, parser=one_of(*names), metavar="|".join(names))


Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        parser=whole(2),
        metavar="N",
        help="Train N times, from --seed upwards, and say what comes out on average.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        parser=COUNT,
        metavar="N",
        help="Seeds to train at a time. [default: 1]",
        show_default=False,
    ),
]

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
    setting(
        "--learning-rate",
        "The optimizer's.",
        "learning_rate",
        parser=positive,
        metavar="RATE",
        default=", ".join(f"{rate:g} for {name}" for name, rate in RATES.items()),
    ),
]
Seed = Annotated[int | None, setting("--seed", "Of all that is drawn.", "seed", parser=SEED)]
Clip = Annotated[
    float | None,
    setting(
        "--clip",
        "Bound of the gradient, or none.",
        "clip",
        parser=positive_or_none,
        metavar="NUMBER|none",
    ),
]

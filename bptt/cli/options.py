"""What options take, and what they say of anything else."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from ..settings import DEFAULTS, RATES, Settings
from ..text import corpora

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
    value = number(text)
    if not 0.0 <= value < math.inf:
        raise typer.BadParameter(f"expected 0 or a positive finite number, got {text}")
    return value


def share(text: Text) -> float:
    value = number(text)
    if not 0.0 < value <= 1.0:
        raise typer.BadParameter(f"expected a number above 0 and at most 1, got {text}")
    return value


def proportion(text: Text) -> float:
    value = number(text)
    if not 0.0 <= value <= 1.0:
        raise typer.BadParameter(f"expected a number from 0 to 1, got {text}")
    return value


def positive_or_none(text: Text) -> float:
    value = NO_CLIP if text == "none" else number(text)
    if not (0.0 < value < math.inf or text == "none"):
        raise typer.BadParameter(f"expected a positive finite number or none, got {text}")
    return value


COUNT = whole(1)
SEED = whole(0, 2**32 - 1)


def setting(names: str, text: str, key: str, **more: Any) -> Any:
    """An option that is None unless given: a resumed run must know which were.

    `names` are what it is called, with spaces between; text and its default make the help.
    """
    default = more.pop("default", DEFAULTS[key])
    if default is not None:
        text = f"{text} [default: {default}]"
    given = {"metavar": "N", **more}
    return typer.Option(*names.split(), help=text, show_default=False, **given)


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
        help="Train N times, with the seeds from --seed upwards; give mean and deviation.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        parser=COUNT,
        metavar="N",
        help="Number of seeds to train at the same time. [default: 1]",
        show_default=False,
    ),
]

RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/python-docs-1.")
]


def text_argument(default: str) -> Any:
    return typer.Argument(
        metavar="CORPUS",
        help="A text file, - for standard input, or a name that `bptt corpora` lists. "
        f"[default: {default}]",
        show_default=False,
    )


CorpusName = Annotated[str | None, text_argument(corpora.DEFAULT)]
TextToScore = Annotated[str | None, text_argument("the run's own validation and test texts")]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="Character encoding of CORPUS. [default: utf-8]",
        show_default=False,
    ),
]
HiddenSize = Annotated[
    int | None, setting("--hidden", "Number of hidden units.", "hidden_size", parser=COUNT)
]
SeqLength = Annotated[
    int | None,
    setting(
        "--seq-length",
        "Characters in a window: how far gradients go back in time.",
        "seq_length",
        parser=COUNT,
    ),
]
LearningRate = Annotated[
    float | None,
    setting(
        "--learning-rate --lr",
        "Learning rate of the optimizer.",
        "learning_rate",
        parser=positive,
        metavar="RATE",
        default=", ".join(f"{rate:g} for {name}" for name, rate in RATES.items()),
    ),
]
AdagradsRate = Annotated[
    float | None,
    setting(
        "--learning-rate --lr",
        "Learning rate of Adagrad, which all train with here.",
        "learning_rate",
        parser=positive,
        metavar="RATE",
    ),
]
Seed = Annotated[
    int | None,
    setting("--seed", "Seed of the first weights and of what is drawn.", "seed", parser=SEED),
]
Clip = Annotated[
    float | None,
    setting(
        "--clip",
        "Largest gradient, in the way that --clip-kind says; or none.",
        "clip",
        parser=positive_or_none,
        metavar="NUMBER|none",
    ),
]

"""Parsers and checks of options' values, and the options that settings become."""

import inspect
import math
from collections.abc import Callable
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import InputError, explained
from ..experiments.seeds_folder import SeedsFolder
from ..runs.folder import RunFolder
from ..settings import Settings
from ..text import corpora

NONE = math.inf  # stands for `none` on the command line, where None is an option not given
SCHEMA: dict[str, dict[str, Any]] = {  # "anyOf": what a setting is where it isn't null, and null
    name: {**said.get("anyOf", [{}])[0], **said}
    for name, said in Settings.model_json_schema()["properties"].items()
}
Text = str | int | float  # typer asks a parser for the default's value too, as it stands


def parser(
    read: Callable[[Any], Any], fits: Callable[[Any], bool], expected: str
) -> Callable[[Text], Any]:
    """Make a parser that says what it expected where a text can't be read or doesn't fit."""

    def parse(text: Text) -> Any:
        try:
            value = read(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise typer.BadParameter(f"expected {expected}, got {text}")
        return value

    return parse


def whole(lowest: int, highest: int | None = None) -> Callable[[Text], int]:
    """Make a parser of whole numbers in a range."""
    range_ = f"at least {lowest}" if highest is None else f"{lowest} to {highest}"
    return parser(
        int,
        lambda value: lowest <= value and (highest is None or value <= highest),
        f"a whole number of {range_}",
    )


def one_of(*names: str) -> Callable[[Text], str]:
    return parser(str, names.__contains__, f"one of {', '.join(names)}")


def between(
    lowest: float, highest: float, *, above: bool = False, below: bool = False
) -> Callable[[Text], float]:
    """Make a parser of numbers in a range, without its ends where `above` and `below` say so."""
    return parser(
        float,
        lambda value: (
            lowest <= value <= highest
            and not (above and value == lowest)
            and not (below and value == highest)
        ),
        f"a number {'above' if above else 'from'} {lowest:g} to {'below ' * below}{highest:g}",
    )


def is_positive(value: float) -> bool:
    return 0.0 < value < math.inf


positive = parser(float, is_positive, "a positive finite number")
zero_or_positive = parser(
    float, lambda value: value == 0.0 or is_positive(value), "0 or a positive finite number"
)
positive_fraction = parser(
    float, lambda value: 0.0 < value <= 1.0, "a number above 0 and at most 1"
)
_bound = parser(float, is_positive, "a positive finite number or none")


def positive_or_none(text: Text) -> float:
    return NONE if text == "none" else _bound(text)


COUNT = whole(1)
SEED = whole(0, 2**32 - 1)


def option_of(name: str, group: str | None = None, **other: Any) -> Any:
    """Return the option of a setting: None unless given, since a resumed run must know which were.

    `other` overrides parts of the model's field, such as its description.
    """
    said = {**SCHEMA[name], **other}
    dashed = name.replace("_", "-")
    text, more = said["description"], {"show_default": False, "rich_help_panel": group}
    if said["type"] == "boolean":
        return typer.Option(f"--{dashed}/--no-{dashed}", help=text, **more)
    default = said.get("default_text", said["default"])
    if default is not None:
        text = f"{text} [default: {default}]"
    names = said.get("names", f"--{dashed}").split()
    metavar = said.get("metavar", "|".join(said.get("enum", "N")))
    return typer.Option(*names, help=text, metavar=metavar, parser=_parser(said), **more)


def _parser(said: dict[str, Any]) -> Callable[[Any], Any] | None:
    """Choose the parser for a setting's type and bounds."""
    if "enum" in said:
        return one_of(*said["enum"])
    above, below = said.get("exclusiveMinimum", 0), said.get("exclusiveMaximum")
    if said["type"] == "integer":
        return whole(said.get("minimum", above + 1), below and below - 1)
    if said["type"] == "string":
        return None
    highest = said.get("maximum", below)
    if highest is not None:
        ends = {"above": "minimum" not in said, "below": "maximum" not in said}
        return between(said.get("minimum", above), highest, **ends)
    if "anyOf" in said and said["default"] is not None:
        return positive_or_none
    return zero_or_positive if "minimum" in said else positive


def with_an_option_for_each_setting(command: Any) -> Any:
    """Put the options of all settings in the place of a command's `**given`."""
    signature = inspect.signature(command)
    kept = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    for name, said in SCHEMA.items():
        kind = bool if said["type"] == "boolean" else str
        annotation = Annotated[kind | None, option_of(name, said["group"])]
        kept.append(Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    command.__signature__ = signature.replace(parameters=kept)
    return command


# The files of a run's folder, and of the folder of several seeds.
OWN = {
    getattr(kind(Path()), name).name
    for kind in (RunFolder, SeedsFolder)
    for name, value in vars(kind).items()
    if isinstance(value, property)
}


def refuse_output(option: str, path: Path, *endings: str) -> None:
    """Raise InputError where no file with such an ending can be, or it would replace a run's own.

    Commands ask before they compute anything.
    """
    if path.suffix.lower() not in endings or path.is_dir():
        raise InputError(f"{option} must be a file that ends in {' or '.join(endings)}, got {path}")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"can't write {path}: there is no folder {path.parent}")
    is_of_a_run = RunFolder(folder).config.exists() or SeedsFolder(folder).exists()
    if is_of_a_run and path.name.lower() in OWN:
        raise InputError(f"{option} must be a file of your own, got {path}, which the run keeps")


def make_folder(path: Path) -> None:
    """Make the folder of --out unless it is there. Raises InputError."""
    if path.exists() and not path.is_dir():
        raise InputError(f"--out must be a folder, got {path}, a file")
    with explained("make", path):
        path.mkdir(parents=True, exist_ok=True)


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
RunOrSeedsPath = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="A run folder, such as runs/python-docs-1, or a folder of --seeds."
    ),
]

LastWeights = Annotated[
    bool, typer.Option("--last", help="Use the last weights, not those of the best validation.")
]


def text_argument(default: str) -> Any:
    return typer.Argument(
        metavar="CORPUS",
        help="A text file, - for standard input, or a name that `bptt corpora` lists. "
        f"[default: {default}]",
        show_default=False,
    )


CorpusName = Annotated[str | None, text_argument(corpora.DEFAULT)]
TextOfRun = Annotated[str | None, text_argument("the run's own text")]
TextToScore = Annotated[str | None, text_argument("the run's own validation and test texts")]

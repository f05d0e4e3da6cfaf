"""Settings from a file: TOML, one setting a line (`hidden_size = 256`), or a run's config.json.

A card (card.md) has such TOML in it.
"""

import difflib
import json
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from . import whole_files
from .errors import InputError
from .markdown import blocks
from .settings import Settings
from .strict import explain, shown

RESULTS = "results"  # the tables of a file that `bptt reproduce` reads; no setting


def read_file(path: Path) -> dict[str, Any]:
    """Return the settings in a file by name, and the text to train on, if named, under "corpus".

    Raises InputError if the file can't be read, for a wrong value, and for an unknown setting, with
    the most similar name.
    """
    found = load(path)
    found.pop(RESULTS, None)
    settings = named(found, path)
    try:
        Settings(**{name: value for name, value in settings.items() if name != "corpus"})
    except ValidationError as error:
        if any(problem["loc"] for problem in error.errors()):  # no conflict, which options may end
            raise InputError(f"{path}: {explain(error)}") from error
    return settings


def load(path: Path) -> dict[str, Any]:
    """Return what a file says, unchecked: TOML, a card's first block of it, or a config.json.

    Raises InputError if the file can't be read.
    """
    content = whole_files.read(path)
    try:
        if path.suffix == ".json":
            return _of_a_run(json.loads(content))
        return tomllib.loads(
            _of_a_card(content) if path.suffix == ".md" else content.decode("utf-8-sig")
        )
    except (ValueError, RecursionError) as error:  # both formats' errors and bad UTF-8 are these
        raise InputError(f"{path} can't be read as settings: {error}") from error


def named(found: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the settings by name. Raises InputError for an unknown one, naming the file."""
    known = [*Settings.model_fields, "corpus"]
    settings: dict[str, Any] = {}
    for key, value in found.items():
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
            raise InputError(f"{path}: no setting is called {shown(key)}; {meant}")
        if name in settings:
            raise InputError(f"{path}: {name} occurs twice, once with - and once with _")
        settings[name] = None if (name, value) == ("clip", "none") else value
    corpus = settings.get("corpus")
    if corpus is not None and not isinstance(corpus, str):
        raise InputError(f"{path}: corpus must be a file or a name, got {shown(corpus)}")
    return settings


def _of_a_card(content: bytes) -> str:
    text = content.decode("utf-8", "surrogatepass").replace("\r\n", "\n")
    found = next(blocks(text, "toml"), None)
    if found is None:
        raise ValueError("expected a card with a block of TOML, which older versions don't write")
    return found


def _of_a_run(config: Any) -> dict[str, Any]:
    if not isinstance(config, dict) or not isinstance(config.get("corpus"), dict):
        raise ValueError("expected the config.json of a run")
    kept = {key: value for key, value in config.items() if key in Settings.model_fields}
    if "source" not in config["corpus"]:
        raise ValueError("its corpus has no source")
    return kept | {"corpus": config["corpus"]["source"]}


def over(file: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Merge settings from a file with options from the command line, which take precedence.

    Both `clip` and `clip_kind` say whether to clip at all, so an option that turns clipping on or
    off removes what the file says to the contrary.
    """
    kept = dict(file)
    if (options.get("clip", 0) is None) or options.get("clip_kind") == "none":
        kept.pop("clip", None)
        kept.pop("clip_kind", None)
    elif "clip" in options and kept.get("clip_kind") == "none":
        del kept["clip_kind"]
    elif "clip_kind" in options and kept.get("clip", 0) is None:
        del kept["clip"]
    return kept | options


def to_toml(values: Mapping[str, str | float | bool | None]) -> str:
    """Return entries as lines of TOML; None is left out, which is how a setting is none.

    >>> print(to_toml({"corpus": "novel.txt", "lanes": 16, "clip": None}))
    corpus = "novel.txt"
    lanes = 16
    """
    return "\n".join(
        f"{key} = {_quoted(value) if isinstance(value, str) else json.dumps(value)}"
        for key, value in values.items()
        if value is not None
    )


def _quoted(text: str) -> str:
    letters = []
    for letter in text:
        if letter in '"\\':
            letters.append(f"\\{letter}")
        elif unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp"):
            letters.append(f"\\U{ord(letter):08x}")
        else:
            letters.append(letter)
    return f'"{"".join(letters)}"'

"""Settings from a file: TOML, one setting a line (`hidden_size = 256`), or a run's config.json."""

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any

from . import whole_files
from .errors import InputError
from .settings import Settings
from .strict import shown


def read_file(path: Path) -> dict[str, Any]:
    """Return the settings in a file by name, and the text to train on, if named, under "corpus".

    Raises InputError if the file can't be read, and for an unknown setting, with the most similar
    name.
    """
    content = whole_files.read(path)
    try:
        if path.suffix == ".json":
            found = _of_a_run(json.loads(content))
        else:
            found = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # both formats' errors and bad UTF-8 are these
        raise InputError(f"{path} can't be read as settings: {error}") from error
    known = [*Settings.model_fields, "corpus"]
    named: dict[str, Any] = {}
    for key, value in found.items():
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
            raise InputError(f"{path}: no setting is called {shown(key)}; {meant}")
        if name in named:
            raise InputError(f"{path}: {name} occurs twice, once with - and once with _")
        named[name] = value
    corpus = named.get("corpus")
    if corpus is not None and not isinstance(corpus, str):
        raise InputError(f"{path}: corpus must be a file or a name, got {shown(corpus)}")
    return named


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

"""results.json: a finished run's results on the texts that it did not learn from."""

from pathlib import Path

import numpy as np
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from .. import files
from ..errors import InputError, explained
from ..strict import Strict, explain
from ..training.evaluation import WINDOW, Evaluation, evaluate, evaluate_windows
from . import log, ngram_reference
from .checkpoint import Model
from .config import Config
from .data import Texts
from .folder import RunFolder
from .ngram_reference import NgramReference


class Results(Strict):
    """The results of a finished run.

    `iteration` is that of the evaluated weights, the best by validation; `iterations` were taken,
    in `seconds`; `characters` counts those learned from; `ended` says why the run ended early.
    `validation` and `test` are of each text as one stream, `…_windows` in windows of WINDOW without
    a past, as by evaluate_windows (None also for a text that is shorter than one), `ngram` is of a
    model to compare with.
    `final_weights` and `best_weights` are digests of the last weights and of the evaluated ones.
    """

    iteration: int
    iterations: int
    characters: int
    seconds: float
    ended: str | None
    validation: Evaluation | None
    test: Evaluation | None
    validation_windows: Evaluation | None = None
    test_windows: Evaluation | None = None
    ngram: NgramReference | None = None
    final_weights: str | None = None
    best_weights: str | None = None


def evaluated(
    model: Model, indices: np.ndarray, name: str, engine: str, window: int | None = None
) -> Evaluation:
    """Evaluate a model on a text by an engine: as one stream, or in windows of `window`.

    Raises InputError if nothing can be scored.
    """
    given = (model.parameters, indices, model.initial_state)
    try:
        with threadpool_limits(1):  # the same bits whatever the number of cores
            if window is None:
                return evaluate(*given, engine=engine)
            return evaluate_windows(*given, window=window, engine=engine)
    except (ValueError, FloatingPointError) as error:
        raise InputError(f"{name}: {error}") from error


def finish(
    folder: RunFolder, config: Config, texts: Texts, iterations: int, ended: str | None
) -> Results:
    """Evaluate the best weights and write results.json. Raises InputError as evaluated does."""
    model = folder.load_model()
    entries = log.read(folder.log, log.Entry)
    results = Results(
        iteration=model.iteration,
        iterations=iterations,
        characters=iterations * config.window_size,
        seconds=entries[-1].seconds if entries else 0.0,
        ended=ended,
        ngram=ngram_reference.of_texts(texts),
        **_held_out(model, texts, config.engine),
        final_weights=folder.load_model(last=True).digest,
        best_weights=model.digest,
    )
    write(folder.results, results)
    return results


def _held_out(model: Model, texts: Texts, engine: str) -> dict[str, Evaluation | None]:
    found: dict[str, Evaluation | None] = {}
    for name in ("validation", "test"):
        indices, called = getattr(texts, name), f"the {name} text"
        if indices is None:
            found[name] = None
            continue
        found[name] = evaluated(model, indices, called, engine)
        in_windows = indices[1 : (len(indices) - 1) // WINDOW * WINDOW + 1]
        if (in_windows < len(texts.vocabulary)).any():
            found[f"{name}_windows"] = evaluated(model, indices, called, engine, WINDOW)
    return found


def find(path: Path) -> Results | None:
    """Read results.json, or return None if it doesn't exist. Raises InputError as read does."""
    return read(path) if path.exists() else None


def write(path: Path, results: Results) -> None:
    with explained("write", path):
        files.write(path, (results.model_dump_json(indent=2) + "\n").encode())


def read(path: Path) -> Results:
    """Read results.json. Raises InputError if it is missing or damaged."""
    with explained("read", path):
        content = path.read_bytes()
    try:
        return Results.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{path} is damaged: {explain(error)}") from error

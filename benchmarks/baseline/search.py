"""Random search for better training settings.

Every trial is trained on the same number of characters and judged by the validation text. The test
text is not used.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bptt.settings_file import to_toml

from .runs import FinishedRun, PlannedRun, execute

FIXED = {"engine": "fast", "dtype": "float32", "schedule": "cosine", "split": "90/5/5"}
VALIDATIONS = 4


@dataclass(frozen=True)
class Space:
    """The search space; learning rates are drawn log-uniformly.

    `clips` are gradient norms per character; they are multiplied by the T times B characters that
    a gradient is summed over.
    """

    windows: tuple[int, ...]
    lanes: tuple[int, ...]
    rates: dict[str, tuple[float, float]]
    clips: tuple[float | None, ...]
    initializations: tuple[str, ...]


SPACES = {
    "wide": Space(
        windows=(32, 64, 128),
        lanes=(16, 32, 64),
        rates={"adam": (5e-4, 8e-3), "rmsprop": (2e-4, 4e-3), "adagrad": (0.01, 0.1)},
        clips=(None, 0.05, 0.2, 1.0),
        initializations=("orthogonal", "glorot", "identity", "notebook"),
    ),
    # Around the best trials of "wide": few lanes, so more updates, and orthogonal weights.
    "near": Space(
        windows=(32, 64),
        lanes=(4, 8, 16),
        rates={"adam": (1e-3, 8e-3), "rmsprop": (1e-3, 8e-3)},
        clips=(0.05, 0.2, 1.0),
        initializations=("orthogonal", "identity"),
    ),
    # The best trial of "near", with the learning rate free, since it depends on the width.
    "rate": Space(
        windows=(32,),
        lanes=(16,),
        rates={"rmsprop": (5e-4, 1.2e-2)},
        clips=(1.0,),
        initializations=("orthogonal",),
    ),
}


@dataclass(frozen=True)
class Trial:
    """Drawn settings and their validation bits per character, None if training diverged."""

    settings: dict[str, Any]
    validation: float | None
    seconds: float | None


def draw(space: Space, rng: np.random.Generator, characters: int) -> dict[str, Any]:
    """Draw the settings of a trial that is trained on `characters` characters."""
    T, B = int(rng.choice(space.windows)), int(rng.choice(space.lanes))
    optimizer = str(rng.choice(list(space.rates)))
    lowest, highest = space.rates[optimizer]
    rate = float(f"{np.exp(rng.uniform(np.log(lowest), np.log(highest))):.2g}")
    clip = space.clips[rng.integers(len(space.clips))]
    iterations = round(characters / (T * B))
    clipping: dict[str, Any] = {"clip_kind": "none"}
    if clip is not None:
        clipping = {"clip_kind": "norm", "clip": clip * T * B}
    return {
        **FIXED,
        "seq_length": T,
        "lanes": B,
        "iterations": iterations,
        "optimizer": optimizer,
        "learning_rate": rate,
        "warmup": max(1, iterations // 20),
        "initialization": str(rng.choice(space.initializations)),
        "validate_every": max(1, iterations // VALIDATIONS),
        **clipping,
    }


def search(
    space: Space,
    corpus: str,
    hidden_size: int,
    trials: int,
    characters: int,
    out: Path,
    jobs: int,
    seed: int,
) -> Iterator[Trial]:
    """Run the trials and yield them in order; those already in `out` are not run again."""
    rng = np.random.default_rng(seed)
    planned, settings_of = [], {}
    out.mkdir(parents=True, exist_ok=True)
    for number in range(1, trials + 1):
        settings = draw(space, rng, characters) | {"hidden_size": hidden_size}
        path = out / f"trial-{number}.toml"
        path.write_text(to_toml(settings) + "\n")
        folder = out / f"trial-{number}"
        planned.append(PlannedRun(folder, corpus, ("--config", str(path))))
        settings_of[folder] = settings
    for finished in execute(planned, jobs):
        yield _judged(settings_of[finished.planned.folder], finished)


def _judged(settings: dict[str, Any], finished: FinishedRun) -> Trial:
    results = finished.results
    if results is None or results.validation is None:
        return Trial(settings, None, None)
    return Trial(settings, results.validation.bits_per_character, results.seconds)

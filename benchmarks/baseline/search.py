"""The search for a better protocol: drawn settings, an equal number of characters each.

Every trial learns from the same number of characters; what it is judged by is the validation
text. The test text is not looked at.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .runs import Finished, Planned, carry_out

# Of a batch of so many characters: T times B. The norm of a summed gradient grows with it.
CLIPS_PER_CHARACTER = (None, 0.05, 0.2, 1.0)
FIXED = {"engine": "fast", "dtype": "float32", "schedule": "cosine", "split": "90/5/5"}
VALIDATIONS = 4


@dataclass(frozen=True)
class Trial:
    """What was drawn, and the bits per character that validation gave: none where it broke."""

    settings: dict[str, Any]
    validation: float | None
    seconds: float | None


def draw(rng: np.random.Generator, characters: int) -> dict[str, Any]:
    """Draw the settings of a trial that learns from so many characters."""
    T, B = int(rng.choice([32, 64, 128])), int(rng.choice([16, 32, 64]))
    optimizer = str(rng.choice(["adam", "rmsprop", "adagrad"]))
    lowest, highest = {"adam": (5e-4, 8e-3), "rmsprop": (2e-4, 4e-3), "adagrad": (0.01, 0.1)}[
        optimizer
    ]
    rate = float(f"{np.exp(rng.uniform(np.log(lowest), np.log(highest))):.2g}")
    clip = CLIPS_PER_CHARACTER[rng.integers(len(CLIPS_PER_CHARACTER))]
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
        "initialization": str(rng.choice(["orthogonal", "glorot", "identity", "notebook"])),
        "validate_every": max(1, iterations // VALIDATIONS),
        **clipping,
    }


def search(
    corpus: str, hidden_size: int, trials: int, characters: int, out: Path, jobs: int, seed: int
) -> Iterator[Trial]:
    """Carry out the trials, in their order; those already in `out` are not run again."""
    rng = np.random.default_rng(seed)
    planned, settings_of = [], {}
    out.mkdir(parents=True, exist_ok=True)
    for number in range(1, trials + 1):
        settings = draw(rng, characters) | {"hidden_size": hidden_size}
        path = out / f"trial-{number}.toml"
        path.write_text(to_toml(settings))
        folder = out / f"trial-{number}"
        planned.append(Planned(folder, corpus, ("--config", str(path))))
        settings_of[folder] = settings
    for finished in carry_out(planned, jobs):
        yield _judged(settings_of[finished.planned.folder], finished)


def _judged(settings: dict[str, Any], finished: Finished) -> Trial:
    results = finished.results
    if results is None or results.validation is None:
        return Trial(settings, None, None)
    return Trial(settings, results.validation.bits_per_character, results.seconds)


def to_toml(settings: dict[str, Any]) -> str:
    """Write flat settings; JSON's strings, numbers and truth values are TOML's too."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())

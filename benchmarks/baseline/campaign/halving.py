"""Random search with successive halving: after each rung, the better half of the trials goes on.

Every model's search has the same number of trials, rungs and characters (Melis, Dyer and Blunsom,
2018: otherwise a comparison of models is one of searches). A trial is judged by its lowest
validation loss up to the rung. Which trials go on doesn't depend on how many run at a time, on the
clock, or on how often the search was killed.

Source: Jamieson and Talwalkar (2016), Non-stochastic Best Arm Identification.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import Field

from bptt import files
from bptt.errors import InputError, explained
from bptt.runs.log import Entry
from bptt.sessions import lifecycle
from bptt.settings_file import to_toml
from bptt.strict import Strict

from ..peers.settings import checked
from .processes import Leg, Training, advance
from .space import EIGHTHS, MODELS, Space, draw, scaled


class Budget(Strict):
    """What a search is given: equal for all models that are to be compared.

    `characters` are those of a trial that isn't stopped; `validations` are spread evenly over
    them, and a multiple of 8.
    """

    corpus: str
    trials: int = Field(gt=0)
    characters: int = Field(gt=0)
    validations: int = Field(gt=0, multiple_of=8)
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Trial:
    """A trial: its settings, and its training."""

    number: int
    settings: dict[str, Any]
    training: Training

    def until(self, eighths: int) -> int:
        """The iteration of a rung."""
        return self.settings["iterations"] // EIGHTHS[-1] * eighths

    def best(self, rung: int) -> float:
        """The lowest bits per character up to a rung; infinite if it wasn't reached."""
        found, until = self.training.validations(), self.until(rung)
        if until not in found:
            return math.inf
        return min(bits for iteration, bits in found.items() if iteration <= until)


def trials(space: Space, budget: Budget, out: Path) -> list[Trial]:
    """Draw the trials, and write each one's settings to `out`/trial-N.toml."""
    found = []
    for number in range(1, budget.trials + 1):
        settings = _settings(space, budget, number)
        file = out / f"trial-{number}.toml"
        with explained("write", file):
            files.write(file, (to_toml(settings) + "\n").encode())
        training = Training(
            out / f"trial-{number}", space.model, budget.corpus, ("--config", str(file))
        )
        found.append(Trial(number, settings, training))
    return found


def _settings(space: Space, budget: Budget, number: int) -> dict[str, Any]:
    """Draw a trial's settings. Raises InputError if they aren't any, or don't go together."""
    settings = draw(space, budget.seed, number, budget.characters, budget.validations)
    if space.model != MODELS[0]:
        settings = {"model": space.model} | settings
        checked(settings)
        return settings
    settings |= {
        "sample_every": settings["iterations"],
        "checkpoint_every": settings["validate_every"],
    }
    lifecycle.checked(settings)
    return settings


def search(
    space: Space, budget: Budget, out: Path, jobs: int, say: Callable[[str], None] = print
) -> list[dict[str, Any]]:
    """Search, or go on with the search in `out`; return a line for each trial, the best first.

    The lines are in `out`/trials.jsonl, by trial, after every rung. Raises InputError if `out` has
    another search in it, and as `advance` does.
    """
    for number in range(1, budget.trials + 1):
        _settings(space, budget, number)  # before anything is written
    with explained("make", out):
        out.mkdir(parents=True, exist_ok=True)
    _claim(out / "search.json", space, budget)
    everyone = alive = trials(space, budget, out)
    broken: dict[int, str] = {}
    lines: list[dict[str, Any]] = []
    for rung in EIGHTHS:
        at_end = rung == EIGHTHS[-1]
        legs = [Leg(one.training, None if at_end else one.until(rung)) for one in alive]
        failed = advance(legs, jobs, say)
        broken |= {one.number: failed[one.training] for one in alive if one.training in failed}
        alive = ranked([one for one in alive if one.number not in broken], rung)
        lines = [_line(one, space.model, broken.get(one.number)) for one in everyone]
        content = "".join(json.dumps(line) + "\n" for line in lines)
        with explained("write in", out):
            files.write(out / "trials.jsonl", content.encode())
        if not alive:
            raise InputError(f"every trial broke down: {out / 'trials.jsonl'}")
        say(
            f"rung {rung}/{EIGHTHS[-1]}: {len(alive)} trials, best {alive[0].best(rung):.4f} bits "
            f"({alive[0].training.folder.name})"
        )
        if not at_end:
            alive = alive[: -(-len(alive) // 2)]
    finished = {one.number for one in alive}
    return sorted(
        (line for line in lines if line["trial"] in finished), key=lambda line: line["best_bits"]
    )


def ranked(alive: list[Trial], rung: int) -> list[Trial]:
    """Sort trials by their best validation up to a rung; a tie goes to the earlier trial."""
    return sorted(alive, key=lambda one: (one.best(rung), one.number))


def _line(trial: Trial, model: str, broken: str | None) -> dict[str, Any]:
    entries = trial.training.entries()
    validations = trial.training.validations()
    size = trial.settings["seq_length"] * trial.settings["lanes"]
    rungs = [rung for rung in EIGHTHS if trial.until(rung) in validations]
    reached = rungs[-1] if rungs else 0
    return {
        "trial": trial.number,
        "model": model,
        "best_bits": trial.best(reached) if rungs else None,
        "characters": trial.until(reached) * size,
        "rungs": {str(trial.until(rung) * size): round(trial.best(rung), 5) for rung in rungs},
        "characters_per_second": speed(entries),
        "broke_down": broken,
        "settings": trial.settings,
    }


def adopted(
    found: Path, number: int | None, characters: int | None
) -> tuple[str, dict[str, Any], list[str]]:
    """Return a trial's model, its settings, and comment lines for a protocol; by default the best.

    `characters` makes its training longer. Raises InputError if there is no such search or trial.
    """
    path = found / "trials.jsonl"
    with explained("read", path):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    known = [one for one in lines if one["best_bits"] is not None]
    most = max((len(one["rungs"]) for one in known), default=0)
    wanted = [one for one in known if one["trial"] == number] if number else known
    if number is None:
        wanted = [one for one in wanted if len(one["rungs"]) == most]
    if not wanted:
        raise InputError(f"{path} has no trial {number or 'that was validated'}")
    best = min(wanted, key=lambda one: one["best_bits"])
    settings = best["settings"]
    if characters is not None:
        settings = lengthened(settings, characters)
    budget = json.loads((found / "search.json").read_text())["budget"]
    comment = [
        f"Trial {best['trial']} of {budget['trials']} on {budget['corpus']}, "
        f"{budget['characters']:,} characters each, seed {budget['seed']}: "
        f"{best['best_bits']:.4f} bits after {best['characters']:,}.",
    ]
    return best["model"], settings, comment


def lengthened(settings: dict[str, Any], characters: int) -> dict[str, Any]:
    """Return the settings of the same training over another number of characters."""
    factor = characters / (settings["iterations"] * settings["seq_length"] * settings["lanes"])
    changed = scaled(settings, characters, settings["iterations"] // settings["validate_every"])
    if "warmup" in settings:
        changed["warmup"] = int(settings["warmup"] * factor)
    for name, of in (("sample_every", "iterations"), ("checkpoint_every", "validate_every")):
        if name in settings:
            changed[name] = changed[of]
    return changed


def speed(entries: list[Entry]) -> int | None:
    """Return characters a second, validation included: the median between the validations of a log.

    A stretch in which the process was suspended leaves it alone. None for fewer than two.
    """
    validated = [one for one in entries if one.validation_bits is not None]
    rates = sorted(
        (after.characters - before.characters) / (after.seconds - before.seconds)
        for before, after in pairwise(validated)
        if after.seconds > before.seconds and after.characters > before.characters
    )
    return round(rates[len(rates) // 2]) if rates else None


def _claim(path: Path, space: Space, budget: Budget) -> None:
    """Write down what is searched, or check that it is what was."""
    said = {"space": space.model_dump(exclude_none=True), "budget": budget.model_dump()}
    content = (json.dumps(said, indent=1) + "\n").encode()
    with explained("read or write", path):
        if not path.exists():
            files.write(path, content)
        elif path.read_bytes() != content:
            raise InputError(
                f"{path.parent} has a search of another space or budget in it, see {path}; "
                "name another --out"
            )

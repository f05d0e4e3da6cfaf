"""Log entries: for which iterations they are made, and what they contain."""

from collections.abc import Mapping
from typing import Any

from reference import Step

from ..training import sampling
from ..training.evaluation import Evaluation
from . import digests
from .config import Config
from .log import Entry


def is_due(step: Step | Entry, config: Config) -> bool:
    """Return whether to log an iteration.

    Checkpoints are logged since a resumed run continues to count the seconds from there.
    """
    return (
        step.sample is not None
        or step.iteration in (1, config.iterations)
        or step.iteration % config.log_every == 0
        or step.iteration % config.checkpoint_every == 0
        or (config.validates and step.iteration % config.validate_every == 0)
    )


def without_end(entry: Entry, config: Config) -> Entry:
    """Return an entry without the validation that it had only as the run's end."""
    regular = entry.iteration % config.validate_every == 0
    return entry if regular else entry.model_copy(update=said(None))


def of_step(
    step: Step,
    config: Config,
    seconds: float,
    rate: float,
    evaluation: Evaluation | None,
    learned: Mapping[str, Any],
) -> Entry:
    """Return an iteration's entry, given the seconds spent so far and the learning rate.

    `learned` holds the weights, or their averages if there are any, which must be those after this
    iteration where a regular checkpoint is due.
    """
    is_saved = step.iteration % config.checkpoint_every == 0
    sample = step.sample
    if sample is not None:
        sample = "".join(sampling.readable([sample], config.corpus.units))
    return Entry(
        iteration=step.iteration,
        loss=step.loss,
        smooth_loss=step.smooth_loss,
        bits_per_character=config.bits_per_character(step.smooth_loss),
        characters=step.iteration * config.window_size,
        seconds=round(seconds, 3),
        learning_rate=rate,
        sample=sample,
        weights=digests.of_weights(learned) if is_saved else None,
        **said(evaluation),
    )


def said(evaluation: Evaluation | None) -> dict[str, Any]:
    """Return the fields of an entry that record a validation."""
    if evaluation is None:
        return {"validation_bits": None, "unseen": None}
    return {"validation_bits": evaluation.bits_per_character, "unseen": evaluation.unseen}

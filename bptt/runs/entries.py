"""What a run's log says of an iteration, and of which."""

from typing import Any

from reference import Step

from ..training import sampling
from ..training.evaluation import Evaluation
from .config import Config
from .log import Entry


def is_due(step: Step | Entry, config: Config) -> bool:
    """Whether to log it; at checkpoints for the seconds, which a resumed run counts on from."""
    return (
        step.sample is not None
        or step.iteration in (1, config.iterations)
        or step.iteration % config.log_every == 0
        or step.iteration % config.checkpoint_every == 0
        or (config.validates and step.iteration % config.validate_every == 0)
    )


def without_end(entry: Entry, config: Config) -> Entry:
    """Return what a run that doesn't end there says: validated only where it is regular."""
    regular = entry.iteration % config.validate_every == 0
    return entry if regular else entry.model_copy(update=said(None))


def of_step(
    step: Step, config: Config, seconds: float, rate: float, evaluation: Evaluation | None
) -> Entry:
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
        **said(evaluation),
    )


def said(evaluation: Evaluation | None) -> dict[str, Any]:
    """Return what an entry of the log says of a validation."""
    if evaluation is None:
        return {"validation_bits": None, "unseen": None}
    return {"validation_bits": evaluation.bits_per_character, "unseen": evaluation.unseen}

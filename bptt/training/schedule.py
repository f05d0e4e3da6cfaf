"""Learning-rate schedules: constant, cosine after a warm-up, reduced on a plateau."""

import math

from ..settings import Settings
from .validation import ValidationHistory


def rate(settings: Settings, iteration: int, progress: ValidationHistory) -> float:
    """Return the learning rate of an iteration, counted from 1.

    "cosine" rises linearly during the warm-up, then falls to `final_share` of the learning rate in
    the last iteration (Loshchilov and Hutter, 2017, without restarts). "plateau" multiplies the
    learning rate by `plateau_factor` after more than `plateau_patience` validations in a row
    without improvement.
    """
    if settings.schedule == "plateau":
        return settings.learning_rate * settings.plateau_factor**progress.reductions
    if settings.schedule == "constant":
        return settings.learning_rate
    if iteration <= settings.warmup:
        return settings.learning_rate * (iteration / settings.warmup)
    done = (iteration - settings.warmup) / (settings.iterations - settings.warmup)
    share = settings.final_share
    return settings.learning_rate * (share + (1 - share) * (1 + math.cos(math.pi * done)) / 2)

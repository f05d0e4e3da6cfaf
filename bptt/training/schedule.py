"""Schedules of the learning rate and of the average of the weights."""

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
        return settings.learning_rate * math.prod([settings.plateau_factor] * progress.reductions)
    if settings.schedule == "constant":
        return settings.learning_rate
    if iteration <= settings.warmup:
        return settings.learning_rate * (iteration / settings.warmup)
    done = (iteration - settings.warmup) / (settings.iterations - settings.warmup)
    share = settings.final_share
    return settings.learning_rate * (share + (1 - share) * _left_of_cosine(done))


def average_share(settings: Settings, iteration: int) -> float:
    """Return the share of the weights after an iteration, counted from 1, in their average.

    It is 1 minus the decay, and more in the first iterations, where the decay is at most
    (1 + n) / (10 + n), so that the initial weights are soon forgotten.
    """
    return 1.0 - min(settings.average_decay, (1 + iteration) / (10 + iteration))


def _left_of_cosine(done: float) -> float:
    """Return (1 + cos(pi done)) / 2, exact at both ends and the same on every machine."""
    if done <= 0.5:
        return 1.0 - _sine(math.pi / 2 * done) ** 2
    return _sine(math.pi / 2 * (1.0 - done)) ** 2


def _sine(x: float) -> float:
    """Return the sine of an angle from 0 to pi/4 by its Taylor series, to 2e-16."""
    total = 1.0
    for n in range(18, 1, -2):
        total = 1.0 - x * x * total / (n * (n + 1))
    return x * total

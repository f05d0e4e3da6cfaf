"""The smoothed training loss without its initial bias.

The notebook's smoothed loss starts at the loss of guessing, which still has a weight of 0.999ⁿ
after n windows. Without this part, and divided by 1 − 0.999ⁿ, it is a weighted mean of the n
windows' losses: each weighs 0.999 of the next.

Source: Kingma and Ba (2015), Adam, section 3, for the same correction.
"""

import math

from reference.training import NEW_WEIGHT, OLD_WEIGHT

from .config import Config
from .log import Entry


def guess(config: Config) -> float:
    """Return the bits per character of guessing uniformly among the symbols."""
    return math.log2(len(config.vocabulary))


def bits(config: Config, smooth_loss: float, windows: int) -> float:
    """Return the mean bits per character after a number of windows; before the first, of guessing.

    `smooth_loss` is the notebook's, in nats a window.
    """
    if windows == 0:
        return guess(config)
    start = OLD_WEIGHT**windows
    own = config.bits_per_character(smooth_loss) - start * guess(config)
    return own / (1 - start)


def bits_at(config: Config, entry: Entry) -> float:
    """Return the mean bits per character at an entry of the log, its window included."""
    return bits(config, entry.smooth_loss * OLD_WEIGHT + entry.loss * NEW_WEIGHT, entry.iteration)

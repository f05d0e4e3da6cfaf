"""The smoothed training loss, without the bias of its start.

The notebook's smoothed loss begins at that of guessing and forgets it slowly: after n windows,
0.999ⁿ of it is still that. Without this part, and divided by what is left, it is the mean of the
n windows' losses, each weighing 0.999 of the next.

Source: Kingma and Ba (2015), Adam, section 3, for the same correction.
"""

import math

from reference.training import ADDED, KEPT

from .config import Config
from .log import Entry


def guess(config: Config) -> float:
    """Return the bits per character of guessing among the symbols."""
    return math.log2(len(config.vocabulary))


def bits(config: Config, smooth_loss: float, windows: int) -> float:
    """Return bits per character after so many windows; before the first, those of guessing.

    `smooth_loss` is the notebook's, in nats a window.
    """
    if windows == 0:
        return guess(config)
    start = KEPT**windows
    own = config.bits_per_character(smooth_loss) - start * guess(config)
    return own / (1 - start)


def bits_at(config: Config, entry: Entry) -> float:
    """Return bits per character up to an entry of the log, its window included."""
    return bits(config, entry.smooth_loss * KEPT + entry.loss * ADDED, entry.iteration)

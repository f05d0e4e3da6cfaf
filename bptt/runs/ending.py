"""The end of a run: its training loss, and text sampled from its weights."""

from dataclasses import dataclass

import numpy as np

from reference import Vocabulary

from ..training import sampling
from ..training.base import Training
from ..training.sampling import Choice
from . import smoothing
from .checkpoint import Model
from .config import Config
from .results import Results

TEMPERATURE = 0.7  # of the sampled text: words are right and still vary
LENGTH = 300  # characters
MEAN = "exponential moving average over windows, decay 0.999"  # what smoothing.bits is


@dataclass(frozen=True)
class Ending:
    """A finished run's training loss and samples.

    `training_bits` is the mean over windows as by smoothing.bits, in bits per character; `drawn` is
    sampled at TEMPERATURE, `greedy` always takes the most probable character.
    """

    training_bits: float
    drawn: str
    greedy: str


def of(config: Config, training: Training, model: Model) -> Ending:
    """Sample from the model with the run's seed. Raises InputError as sampling.write does."""
    return Ending(
        smoothing.bits(config, training.smooth_loss, training.iteration),
        _written(config, model, Choice(temperature=TEMPERATURE)),
        _written(config, model, Choice()),
    )


def _written(config: Config, model: Model, choice: Choice) -> str:
    weights, state = model.in_float64()
    rng = np.random.default_rng(config.seed)
    vocabulary = Vocabulary(config.vocabulary)
    pieces = sampling.write(weights, vocabulary, state, None, LENGTH, choice, rng)
    return "".join(sampling.readable(pieces, config.corpus.units))


def worse_than_guessing(config: Config, results: Results, ending: Ending) -> str:
    """Return a message that names what is worse than guessing, and what helps; or ""."""
    figures = {"training": ending.training_bits}
    for name, one in (("validation", results.validation), ("test", results.test)):
        if one is not None:
            figures[name] = one.bits_per_character
    guess = smoothing.guess(config)
    worse = [name for name, bits in figures.items() if bits > guess]
    if not worse:
        return ""
    return (
        f"Worse than guessing, which takes {guess:.3f} bits per character: {', '.join(worse)}. "
        "Train longer, or with a smaller --learning-rate or --clip."
    )

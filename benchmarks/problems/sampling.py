"""The sampling problem: a trained network writes a text greedily, character by character."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import reference

from .differences import Difference
from .training import Problem


@dataclass(frozen=True)
class SamplingProblem:
    """A trained network with its state, and the number of characters to compare."""

    training: Problem
    compared: int

    @property
    def first(self) -> str:
        """The first character, which the network reads."""
        return self.training.symbols[0]


class Sampler(ABC):
    """A sampling engine; `run` is what is timed."""

    def __init__(self, problem: SamplingProblem) -> None:
        self.problem = problem

    @abstractmethod
    def write(self, length: int) -> str:
        """Return the first character and `length` more."""

    def run(self, units: int) -> None:
        self.write(units)


def compare(problem: SamplingProblem, engine: Sampler) -> Iterator[Difference]:
    """Compare the engine's text with the reference's, character by character."""
    training = problem.training
    expected = reference.generate(
        training.start.parameters,
        training.vocabulary,
        training.start.hidden,
        problem.first,
        problem.compared,
    )
    written = engine.write(problem.compared)
    codes = [np.array([ord(symbol) for symbol in text]) for text in (written, expected)]
    yield Difference.of("code points of the text", codes[0], codes[1], 0.0)

"""The sampling workload: a trained network writes, each character its most probable next one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import reference

from .differences import Difference
from .training import Problem


@dataclass(frozen=True)
class SamplingProblem:
    """A trained network with its state, and how many characters are compared with the oracle's."""

    training: Problem
    compared: int

    @property
    def first(self) -> str:
        """The character that the network reads first."""
        return self.training.symbols[0]


class Sampler(ABC):
    """A sampling engine; `run` is what is timed."""

    def __init__(self, problem: SamplingProblem) -> None:
        self.problem = problem

    @abstractmethod
    def write(self, length: int) -> str:
        """Return the first character and so many more."""

    def run(self, units: int) -> None:
        self.write(units)


def compare(problem: SamplingProblem, engine: Sampler) -> Iterator[Difference]:
    """Hold the engine's text against the reference's, character by character."""
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

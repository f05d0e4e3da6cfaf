"""The comparison of bptt with nn.RNN and autograd: bits per character and training time.

Both start from the same weights and use the same windows and learning rates. They take turns, so
that other load on the machine slows down both.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from bptt.runs import data
from bptt.runs.config import Config
from bptt.settings import Settings
from bptt.text import splits
from bptt.text.encoded import open_corpus
from bptt.text.records import CorpusRecord
from bptt.training import schedule, start
from bptt.training.evaluation import evaluate
from bptt.training.validation import ValidationHistory
from bptt.versions import Versions
from torch_impl.convert import from_reference

from .module_training import Clip, ModuleTraining, Protocol

OURS, PEER = "bptt", "nn.RNN"


@dataclass(frozen=True)
class Point:
    """A measurement: an engine's bits per character on the validation text, and seconds trained."""

    seed: int
    engine: str
    iteration: int
    validation: float
    seconds: float


def race(corpus: str, settings: Settings, every: int) -> Iterator[Point]:
    """Train both for the settings' iterations, alternating every `every` iterations.

    Yields a point of each engine after each of its turns.
    """
    text = open_corpus(corpus)
    divided = splits.split_text(text, settings)
    config = Config(
        **settings.model_dump(),
        corpus=CorpusRecord.of(text),
        parts=divided,
        vocabulary=list(splits.vocabulary_of(text, divided.train).symbols),
        versions=Versions.current(),
    )
    texts = data.texts(config, text)
    if texts.validation is None:
        raise ValueError("the comparison needs a validation text, and the split has none")
    ours = start.start(config, texts.train, texts.vocabulary)
    peer = ModuleTraining(texts.train, protocol_of(settings), parameters=_weights(config))
    seconds = 0.0
    for iteration in range(every, settings.iterations + 1, every):
        began = time.perf_counter()
        while ours.iteration < iteration:
            ours.step()
        seconds += time.perf_counter() - began
        bits = evaluate(map(np.asarray, ours.parameters), texts.validation).bits_per_character
        yield Point(settings.seed, OURS, iteration, bits, seconds)
        while peer.iteration < iteration:
            peer.step()
        bits = peer.evaluate(texts.validation)
        yield Point(settings.seed, PEER, iteration, bits, peer.seconds)


def protocol_of(settings: Settings) -> Protocol:
    """Return the peer's settings. Raises ValueError for settings it lacks, as the running clip."""
    if settings.clip_kind == "running" or settings.learn_initial_state:
        raise ValueError("nn.RNN and autograd have no running clip and here no learned state")
    return Protocol(
        seq_length=settings.seq_length,
        lanes=settings.lanes,
        learning_rate=lambda iteration: schedule.rate(settings, iteration, ValidationHistory()),
        optimizer=settings.optimizer,
        clip=None if settings.clip is None else Clip(settings.clip_kind, settings.clip),
    )


def _weights(config: Config):
    drawn = start.initial_parameters(config, len(config.vocabulary))
    return from_reference(drawn, dtype=getattr(torch, config.dtype))


def seconds_to(points: list[Point], engine: str, seed: int, bits: float) -> float | None:
    """Return the time at which an engine first reached `bits`, interpolated linearly; else None."""
    mine = [point for point in points if point.engine == engine and point.seed == seed]
    for before, after in pairwise(mine):
        if after.validation <= bits < before.validation:
            share = (before.validation - bits) / (before.validation - after.validation)
            return before.seconds + share * (after.seconds - before.seconds)
    return mine[0].seconds if mine and mine[0].validation <= bits else None

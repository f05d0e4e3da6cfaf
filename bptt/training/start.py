"""Starting a training by the engine and the loop that its settings need."""

from dataclasses import replace
from functools import cache

import numpy as np

import reference
from reference import Vocabulary

from ..engines.processes import ALONE, ProcessGroup
from ..errors import InputError
from ..settings import Settings
from .base import Training
from .initialization import initialize


def start(
    settings: Settings,
    text: np.ndarray,
    vocabulary: Vocabulary,
    group: ProcessGroup = ALONE,
    parameters: reference.Parameters | None = None,
) -> Training:
    """Return a training before its first iteration, from the given parameters or from new ones.

    The compiled engine has a loop of its own, which may take as many threads as torch would. Only
    that engine works in a process group.

    Raises InputError if a library is missing, ValueError as the engine's Training does.
    """
    import torch  # only to train: it takes longer to import than everything else

    threads = _threads()
    torch.set_num_threads(1)  # the same bits whatever the number of cores
    if parameters is None:
        parameters = initial_parameters(settings, len(vocabulary))
    try:
        if group.size > 1:
            return _shared(settings, text, vocabulary, parameters, group)
        if settings.engine == "fast":
            return _compiled(settings, text, vocabulary, parameters, threads)
        return _general(settings, text, vocabulary, parameters)
    except ModuleNotFoundError as error:
        raise InputError(
            f"the {settings.engine} engine needs {error.name}: pip install {error.name}"
        ) from error


def initial_parameters(settings: Settings, vocab_size: int) -> reference.Parameters:
    """Return the new parameters of a run, in float64."""
    drawn = initialize(
        settings.initialization,
        vocab_size=vocab_size,
        hidden_size=settings.hidden_size,
        seed=settings.seed,
    )
    return replace(
        drawn, Whx=settings.input_scale * drawn.Whx, Wha=settings.recurrent_scale * drawn.Wha
    )


@cache
def _threads() -> int:
    """Return torch's number of threads before the first training set it to 1."""
    import torch

    return torch.get_num_threads()


def _general(
    settings: Settings, text: np.ndarray, vocabulary: Vocabulary, parameters: reference.Parameters
) -> Training:
    from ..engines.registry import gradient_engine
    from .loop import TrainingLoop

    engine = gradient_engine(settings, parameters)
    return TrainingLoop(text, settings, vocabulary=vocabulary, engine=engine)


def _compiled(
    settings: Settings,
    text: np.ndarray,
    vocabulary: Vocabulary,
    parameters: reference.Parameters,
    threads: int,
) -> Training:
    from .compiled import CompiledTraining

    return CompiledTraining(
        text, settings, vocabulary=vocabulary, parameters=parameters, threads=threads
    )


def _shared(
    settings: Settings,
    text: np.ndarray,
    vocabulary: Vocabulary,
    parameters: reference.Parameters,
    group: ProcessGroup,
) -> Training:
    import torch

    from ..engines import shared
    from .shared import SharedTraining

    engine = shared.share(
        parameters,
        group,
        seq_length=settings.seq_length,
        lanes=settings.lanes,
        dtype=getattr(torch, settings.dtype),
        running_clip=settings.running_clip is not None,
    )
    return SharedTraining(text, settings, vocabulary=vocabulary, engine=engine, group=group)

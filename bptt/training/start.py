"""Starting a training by the engine and the loop that its settings need."""

from typing import Any

import numpy as np

import reference
from reference import Vocabulary

from ..engines.processes import ALONE, Group
from ..errors import InputError
from ..settings import Settings
from .initialization import initialize
from .protocols import Training


def start(
    settings: Settings, text: np.ndarray, vocabulary: Vocabulary, group: Group = ALONE
) -> Training:
    """Return a training before its first iteration.

    Its loop is the engine's own if the settings are the notebook's, and the general one otherwise,
    or in a process group, for which only the fast engine works.

    Raises InputError if a library is missing, ValueError as the engine's Training does.
    """
    parameters = initialize(
        settings.initialization,
        vocab_size=len(vocabulary),
        hidden_size=settings.hidden_size,
        seed=settings.seed,
    )
    try:
        if group.size > 1:
            return _shared(settings, text, vocabulary, parameters, group)
        if is_notebooks(settings):
            return _own_loop(settings, text, vocabulary, parameters)
        return _general_loop(settings, text, vocabulary, parameters)
    except ModuleNotFoundError as error:
        raise InputError(
            f"the {settings.engine} engine needs {error.name}: pip install {error.name}"
        ) from error


def is_notebooks(settings: Settings) -> bool:
    """Return whether the engine's own Training, the notebook's loop, supports the settings."""
    return (
        settings.optimizer == "adagrad"
        and settings.schedule == "constant"
        and settings.clip_kind in ("running", "none")
        and not settings.learn_initial_state
        and settings.sample_temperature == 0.0
    )


def _own_loop(
    settings: Settings, text: np.ndarray, vocabulary: Vocabulary, parameters: reference.Parameters
) -> Training:
    options: dict[str, Any] = {
        "hyperparameters": settings.hyperparameters,
        "vocabulary": vocabulary,
        "clip": settings.clip,
        "lanes": settings.lanes,
    }
    if settings.engine == "numpy":
        return reference.Training(text, parameters=parameters, **options)
    import torch  # only where it computes: it takes longer to import than everything else

    import torch_impl
    from torch_impl import convert

    torch.set_num_threads(1)  # the same bits whatever the number of cores
    dtype = getattr(torch, settings.dtype)
    if settings.engine == "torch":
        weights = convert.from_reference(parameters, dtype=dtype)
        return torch_impl.Training(text, parameters=weights, **options)
    from torch_impl import fast

    return fast.Training(text, parameters=parameters, dtype=dtype, **options)


def _general_loop(
    settings: Settings, text: np.ndarray, vocabulary: Vocabulary, parameters: reference.Parameters
) -> Training:
    import torch

    from torch_impl import convert

    from ..engines import gradients
    from .loop import TrainingLoop

    torch.set_num_threads(1)
    dtype = getattr(torch, settings.dtype)
    match settings.engine:
        case "numpy":
            engine = gradients.NumpyEngine(parameters)
        case "torch":
            engine = gradients.TorchEngine(convert.from_reference(parameters, dtype=dtype))
        case "fast":
            engine = gradients.CompiledEngine(
                parameters, seq_length=settings.seq_length, lanes=settings.lanes, dtype=dtype
            )
    return TrainingLoop(
        text,
        settings,
        vocabulary=vocabulary,
        hyperparameters=settings.hyperparameters,
        engine=engine,
    )


def _shared(
    settings: Settings,
    text: np.ndarray,
    vocabulary: Vocabulary,
    parameters: reference.Parameters,
    group: Group,
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
    return SharedTraining(
        text,
        settings,
        vocabulary=vocabulary,
        hyperparameters=settings.hyperparameters,
        engine=engine,
        group=group,
    )

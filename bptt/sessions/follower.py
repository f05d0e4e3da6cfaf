"""What a process does that another one leads: the same iterations, and nothing else."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ..engines.processes import Command, Group, LostError
from ..errors import InputError
from ..runs import data
from ..runs.config import Config
from ..text.library import Library
from ..training.shared import SharedTraining
from ..training.validation import Progress
from . import lifecycle


def follow(group: Group) -> None:
    """Do as the leader says until it says that all is over.

    What goes wrong in an iteration goes wrong in the leader's too, which says so. Raises LostError
    where the leader is gone.
    """
    training: SharedTraining | None = None
    with _signals_left_to_the_leader():
        while True:
            command, number = group.hear()
            if command == Command.END:
                return
            if command == Command.BEGIN:
                training = _begin(group, group.hear_text(number))
                continue
            assert training is not None
            if command == Command.STATE:
                training.share_state()
            else:
                training.progress = Progress(reductions=number)
                _take_step(training)


def _begin(group: Group, config_as_json: str) -> SharedTraining | None:
    """Make this process's part; None where some process couldn't, which the leader reports."""
    complaint = None
    try:
        training = _make(group, Config.model_validate_json(config_as_json))
    except InputError as error:
        training, complaint = None, str(error)
    try:
        group.agree(complaint)
    except LostError:
        raise
    except InputError:
        return None
    return training


def _make(group: Group, config: Config) -> SharedTraining:
    library = Library()
    text = library.open(config.corpus.source, config.corpus.encoding, config.corpus.units)
    config.corpus.check(text)
    training = lifecycle.make_training(config, data.texts(config, text, library), group)
    assert isinstance(training, SharedTraining)
    return training


def _take_step(training: SharedTraining) -> None:
    try:
        training.step()
    except LostError:
        raise
    except (FloatingPointError, InputError):
        return  # the leader has the same, and ends the run


@contextmanager
def _signals_left_to_the_leader() -> Iterator[None]:
    """Let the leader decide on the last iteration: torchrun sends signals to all processes."""
    asking = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in asking]
    try:
        yield
    finally:
        for number, handler in zip(asking, before, strict=True):
            signal.signal(number, handler)

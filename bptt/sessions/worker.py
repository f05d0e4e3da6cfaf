"""A worker in a process group: it takes the same iterations as the leader, nothing else."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ..engines.processes import Command, LostError, ProcessGroup
from ..errors import InputError
from ..runs import data
from ..runs.config import Config
from ..text.library import Library
from ..training.base import Training
from ..training.validation import ValidationHistory
from . import lifecycle


def work(group: ProcessGroup) -> None:
    """Execute the leader's commands until it sends END.

    An iteration that fails here fails in the leader, too, which reports it. Raises LostError if the
    connection to the leader is lost.
    """
    training: Training | None = None
    with _signals_left_to_the_leader():
        while True:
            command, number = group.receive_command()
            if command == Command.END:
                return
            if command == Command.BEGIN:
                training = _begin(group, group.receive_text())
                continue
            assert training is not None
            if command == Command.STATE:
                training.share_state()
            else:
                training.progress = ValidationHistory(reductions=number)
                _take_step(training)


def _begin(group: ProcessGroup, config_as_json: str) -> Training | None:
    """Return this worker's training, None if some process has an error; the leader reports it."""
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


def _make(group: ProcessGroup, config: Config) -> Training:
    library = Library()
    text = library.open(config.corpus.source, config.corpus.encoding, config.corpus.units)
    config.corpus.check(text)
    return lifecycle.make_training(config, data.texts(config, text, library), group)


def _take_step(training: Training) -> None:
    try:
        training.step()
    except LostError:
        raise
    except (FloatingPointError, InputError):
        return  # the leader gets the same error and ends the run


@contextmanager
def _signals_left_to_the_leader() -> Iterator[None]:
    """Ignore signals: torchrun sends them to all processes, and the leader acts on them."""
    asking = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in asking]
    try:
        yield
    finally:
        for number, handler in zip(asking, before, strict=True):
            signal.signal(number, handler)

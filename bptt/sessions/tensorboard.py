"""TensorBoard logs: event files in RUN/tensorboard, beside log.jsonl."""

import importlib.util

from ..errors import InputError, explained
from ..markdown import fenced
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..runs.log import Entry, Log, read


def require() -> None:
    """Raise InputError if the library is missing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError("--tensorboard needs tensorboard: pip install tensorboard")


def open_log(folder: RunFolder, config: Config, iteration: int) -> Log:
    """Open a run's log to append to it, at this iteration."""
    return WithEvents(folder, config, iteration) if config.tensorboard else Log(folder.log)


class WithEvents(Log):
    """Writes each entry to log.jsonl and to TensorBoard's event files.

    TensorBoard drops what an earlier process wrote about the current iteration and later ones; the
    log's entries of the current one are then written again.
    """

    def __init__(self, folder: RunFolder, config: Config, iteration: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # only here: takes seconds to import

        super().__init__(folder.log)
        self._config, self._folder = config, folder.tensorboard
        with explained("write in", self._folder):
            self._events = SummaryWriter(str(self._folder), purge_step=iteration or None)
        for entry in read(folder.log, Entry):  # one that was the end had a validation
            if entry.iteration == iteration:
                self._add_events(entry)

    def add(self, entry: Entry) -> None:
        super().add(entry)
        self._add_events(entry)

    def _add_events(self, entry: Entry) -> None:
        figures = {
            "loss/window_bits_per_character": self._config.bits_per_character(entry.loss),
            "loss/smoothed_bits_per_character": entry.bits_per_character,
            "loss/validation_bits_per_character": entry.validation_bits,
            "learning_rate": entry.learning_rate,
        }
        with explained("write in", self._folder):
            for name, value in figures.items():
                if value is not None:
                    self._events.add_scalar(name, value, entry.iteration)
            if entry.sample is not None:
                self._events.add_text("sample", fenced(entry.sample), entry.iteration)

    def flush(self) -> None:
        super().flush()
        with explained("write in", self._folder):
            self._events.flush()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        with explained("write in", self._folder):
            self._events.close()

"""A run's diagnostics.jsonl: a record of its gradient flow at every checkpoint."""

from ..training import diagnostics
from ..training.base import Training, next_window
from . import log
from .config import Config
from .folder import RunFolder


class Flow:
    """Measures gradient flow before the first iteration and at every checkpoint."""

    def __init__(self, folder: RunFolder, config: Config, training: Training) -> None:
        self._path, self._config = folder.diagnostics, config
        recorded = log.read(self._path, diagnostics.Record)
        self._records = [one for one in recorded if one.iteration <= training.iteration]
        self.look(training)

    def look(self, training: Training) -> None:
        """Measure the next window and write the record, if one is due and missing."""
        iteration, known = training.iteration, {one.iteration for one in self._records}
        regular = iteration % self._config.checkpoint_every == 0
        if not self._config.diagnostics or iteration in known or not regular:
            return
        window = next_window(training)
        clip = self._config.running_clip
        self._records.append(diagnostics.measure(iteration, training.parameters, *window, clip))
        log.write(self._path, self._records)

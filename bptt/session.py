"""Training as a program: it logs, checkpoints, and stops when asked to without losing anything."""

import signal
import time
from types import FrameType

import numpy as np
from threadpoolctl import threadpool_limits

from reference import Step

from . import checkpoint, diagnostics, log
from .config import Config
from .display import Display
from .engines import ManyAtOnce, Training, next_window, to_arrays
from .errors import InputError, explained
from .run_folder import RunFolder

LONGEST_TURN = 500  # iterations between two looks for a signal


class StopRequest:
    """Takes Ctrl-C and SIGTERM as a wish to stop after this iteration; a second one kills."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.signal = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.signal(number, self._receive) for number in self.SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()


def run(
    folder: RunFolder, config: Config, training: Training, display: Display
) -> signal.Signals | None:
    """Train to the end, or until a signal comes, which is then returned.

    Raises InputError when training leaves the numbers or the disk refuses; the last good
    checkpoint is then still there.
    """
    saved = training.iteration
    with explained("write", folder.log):
        seconds = _rewind_log(folder, training.iteration)
        flow = _Flow(folder, config, training)
    try:
        with (
            explained("write", folder.log),
            log.Log(folder.log) as lines,
            StopRequest() as stop,
            display,
            threadpool_limits(1),  # the same bits whatever the number of cores
            np.errstate(over="ignore", invalid="ignore"),  # looked for below, and reported
        ):
            begun = time.perf_counter() - seconds
            while training.iteration < config.iterations and stop.signal is None:
                for step in _take(training, config):
                    if _is_due(step, config):
                        entry = _entry(step, config, time.perf_counter() - begun)
                        lines.add(entry)
                        display.show(entry)
                ends = stop.signal is not None or training.iteration == config.iterations
                if ends or training.iteration % config.checkpoint_every == 0:
                    _refuse_broken(training)
                    lines.flush()
                    checkpoint.save(folder.checkpoint, training, config.corpus.sha256)
                    saved = training.iteration
                    flow.look(training)
    except FloatingPointError as error:
        folder.draw(config)
        raise InputError(
            f"training broke down in iteration {training.iteration + 1}: {error}. "
            f"Try a smaller --learning-rate or a smaller --clip. "
            f"The last good checkpoint, of iteration {saved}, is in {folder.path}"
        ) from error
    except InputError as error:
        raise InputError(
            f"{error}. The last good checkpoint, of iteration {saved}, is in {folder.path}"
        ) from error
    folder.draw(config)
    return stop.signal


def _take(training: Training, config: Config) -> list[Step]:
    """Take an iteration, or as many as the engine can up to the next checkpoint."""
    if not isinstance(training, ManyAtOnce):
        return [training.step()]
    to_checkpoint = config.checkpoint_every - training.iteration % config.checkpoint_every
    left = config.iterations - training.iteration
    return training.advance(min(to_checkpoint, left, LONGEST_TURN))


def _is_due(step: Step, config: Config) -> bool:
    return (
        step.sample is not None
        or step.iteration in (1, config.iterations)
        or step.iteration % config.log_every == 0
    )


def _entry(step: Step, config: Config, seconds: float) -> log.Entry:
    return log.Entry(
        iteration=step.iteration,
        loss=step.loss,
        smooth_loss=step.smooth_loss,
        bits_per_character=config.bits_per_character(step.smooth_loss),
        characters=step.iteration * config.seq_length,
        seconds=round(seconds, 3),
        sample=step.sample,
    )


def _refuse_broken(training: Training) -> None:
    for value in to_arrays(training).values():
        if not np.isfinite(value).all():
            raise FloatingPointError("the update made weights that are no finite numbers")


def _rewind_log(folder: RunFolder, iteration: int) -> float:
    """Drop what was said after the checkpoint; return the seconds of training up to it."""
    entries = log.read(folder.log, log.Entry)
    kept = [entry for entry in entries if entry.iteration <= iteration]
    log.write(folder.log, kept)
    return kept[-1].seconds if kept else 0.0


class _Flow:
    """The diagnostics of a run: looked at before the first iteration and at every checkpoint."""

    def __init__(self, folder: RunFolder, config: Config, training: Training) -> None:
        self._path, self._config = folder.diagnostics, config
        recorded = log.read(self._path, diagnostics.Record)
        self._records = [one for one in recorded if one.iteration <= training.iteration]
        self.look(training)

    def look(self, training: Training) -> None:
        iteration, known = training.iteration, {one.iteration for one in self._records}
        regular = iteration % self._config.checkpoint_every == 0
        if not self._config.diagnostics or iteration in known or not regular:
            return
        window = next_window(training)
        clip = self._config.clip
        self._records.append(diagnostics.measure(iteration, training.parameters, *window, clip))
        log.write(self._path, self._records)

"""Training as a program: it logs, checkpoints, and stops when asked to without losing anything."""

import signal
import time
from pathlib import Path
from types import FrameType

import numpy as np
from jaxtyping import UInt
from threadpoolctl import threadpool_limits

from reference import Step

from . import checkpoint, diagnostics, log, schedule, tensorboard, writing
from .arrays import INITIAL_STATE, to_arrays
from .config import Config
from .display import Display
from .encoded_cache import release
from .engines import Composed, ManyAtOnce, Training, next_window
from .errors import InputError, explained
from .evaluation import Evaluation, evaluate
from .progress import Progress
from .run_folder import RunFolder

LONGEST_TURN = 500  # iterations between two looks for a signal and at the clock
LONG = 0.5  # seconds, after which a turn was too long


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


class Session:
    """One run, from where its training stands to its end or to a signal.

    After an iteration that is due for it come, in this order: validation, the log, the checkpoint,
    the best checkpoint. The best is of the same bytes; a process that dies between the two writes
    it when it goes on. `ended` says why the run was over before the last iteration.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: Config,
        training: Training,
        progress: Progress,
        validation: UInt[np.ndarray, " N"] | None,
    ) -> None:
        self.folder = folder
        self.config = config
        self.training = training
        self.progress = progress
        self.validation = validation
        self.ended: str | None = None
        self._turn = 1

    def run(self, display: Display) -> signal.Signals | None:
        """Train; return the signal that stopped it, if one did.

        Raises InputError when training leaves the numbers or the disk refuses; the last good
        checkpoint is then still there.
        """
        folder, training = self.folder, self.training
        self._saved = training.iteration
        with explained("write", folder.log):
            seconds = _rewind_log(folder, training.iteration)
            self._flow = _Flow(folder, self.config, training)
        self._tell_progress()
        self._save_best()
        try:
            with (
                explained("write", folder.log),
                tensorboard.open_log(folder, self.config, training.iteration) as lines,
                StopRequest() as stop,
                display,
                threadpool_limits(1),  # the same bits whatever the number of cores
                np.errstate(over="ignore", invalid="ignore"),  # looked for below, and reported
            ):
                self._begun = time.perf_counter() - seconds
                over = self._is_over()
                while not over:
                    over = self._take_turn(lines, display, stop)
        except FloatingPointError as error:
            folder.draw(self.config)
            raise InputError(
                f"training broke down in iteration {training.iteration + 1}: {error}. "
                f"Try a smaller --learning-rate or a smaller --clip. {self._last_good()}"
            ) from error
        except InputError as error:
            raise InputError(f"{error}. {self._last_good()}") from error
        folder.draw(self.config)
        return stop.signal

    def _last_good(self) -> str:
        return f"The last good checkpoint, of iteration {self._saved}, is in {self.folder.path}"

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self._begun

    def _is_over(self) -> bool:
        config = self.config
        if self.training.iteration >= config.iterations:
            return True
        if self.progress.is_over(config):
            self.ended = f"no better in {self.progress.worse} validations"
        elif config.time_budget is not None and self._seconds >= config.time_budget:
            self.ended = f"the time budget of {config.time_budget:g} s is used up"
        return self.ended is not None

    def _take_turn(self, lines: log.Log, display: Display, stop: StopRequest) -> bool:
        """Take iterations up to the next thing to do, and do it; say whether that was the last."""
        config, training, progress = self.config, self.training, self.progress
        steps = self._take()
        evaluation = self._validate() if self._is_validation_due() else None
        # Asked once: a signal or a second that comes later must find the next turn, or no
        # checkpoint would be written before the end.
        over = self._is_over() or stop.signal is not None
        for step in steps:
            is_last = step is steps[-1]
            evaluated = evaluation if is_last else None
            ends = is_last and self.ended is not None
            if ends or evaluated is not None or _is_due(step, config):
                rate = schedule.rate(config, step.iteration, progress)
                entry = _entry(step, config, self._seconds, rate, evaluated)
                lines.add(entry)
                display.show(entry)
        is_best = evaluation is not None and self.progress.is_best_of(training.iteration)
        if over or is_best or training.iteration % config.checkpoint_every == 0:
            _refuse_broken(training)
            lines.flush()
            self._save(self.folder.checkpoint)
            self._saved = training.iteration
            self._save_best()
            self._flow.look(training)
            release(training.text)
        return over

    def _take(self) -> list[Step]:
        """Take an iteration, or as many as the engine can up to the next thing to do."""
        training, config = self.training, self.config
        if not isinstance(training, ManyAtOnce):
            return [training.step()]
        done, begun = training.iteration, time.perf_counter()
        left = [every - done % every for every in (config.checkpoint_every, config.validate_every)]
        steps = training.advance(min(*left, config.iterations - done, self._turn))
        took = time.perf_counter() - begun
        self._turn = max(1, self._turn // 2) if took > LONG else min(2 * self._turn, LONGEST_TURN)
        return steps

    def _is_validation_due(self) -> bool:
        # Not after the last iteration as such: a run that goes on to more must end the same.
        regular = self.training.iteration % self.config.validate_every == 0
        return self.validation is not None and regular

    def _validate(self) -> Evaluation:
        """Read the validation text; what training has in hand is not touched."""
        assert self.validation is not None
        _refuse_broken(self.training)
        arrays = to_arrays(self.training)
        parameters = (np.asarray(value) for value in self.training.parameters)
        evaluation = evaluate(parameters, self.validation, arrays.get(INITIAL_STATE))
        iteration, bits = self.training.iteration, evaluation.bits_per_character
        self.progress = self.progress.after(bits, iteration, self.config)
        self._tell_progress()
        return evaluation

    def _tell_progress(self) -> None:
        if isinstance(self.training, Composed):
            self.training.progress = self.progress

    def _save_best(self) -> None:
        if self.progress.is_best_of(self.training.iteration):
            self._save(self.folder.best)

    def _save(self, path: Path) -> None:
        checkpoint.save(path, self.training, self.progress, self.config.corpus.sha256)


def _is_due(step: Step, config: Config) -> bool:
    """Whether to log it; at checkpoints for the seconds, which a resumed run counts on from."""
    return (
        step.sample is not None
        or step.iteration in (1, config.iterations)
        or step.iteration % config.log_every == 0
        or step.iteration % config.checkpoint_every == 0
    )


def _entry(
    step: Step, config: Config, seconds: float, rate: float, evaluation: Evaluation | None
) -> log.Entry:
    sample = step.sample
    if sample is not None:
        sample = "".join(writing.readable([sample], config.corpus.units))
    return log.Entry(
        iteration=step.iteration,
        loss=step.loss,
        smooth_loss=step.smooth_loss,
        bits_per_character=config.bits_per_character(step.smooth_loss),
        characters=step.iteration * config.window_size,
        seconds=round(seconds, 3),
        learning_rate=rate,
        validation_bits=None if evaluation is None else evaluation.bits_per_character,
        unseen=None if evaluation is None else evaluation.unseen,
        sample=sample,
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
        clip = self._config.running_clip
        self._records.append(diagnostics.measure(iteration, training.parameters, *window, clip))
        log.write(self._path, self._records)

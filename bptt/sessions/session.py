"""Training in a session: it logs, validates, saves, and stops on a signal without any loss."""

import signal
import time
from pathlib import Path
from types import FrameType

import numpy as np
from jaxtyping import UInt
from threadpoolctl import threadpool_limits

from reference import Step

from .. import files
from ..engines.names import PARAMETER_NAMES
from ..errors import InputError, explained
from ..runs import checkpoint, entries, log, smoothing
from ..runs.config import Config
from ..runs.flow import Flow
from ..runs.folder import RunFolder
from ..text.cache import release
from ..training import schedule
from ..training.base import Training
from ..training.evaluation import Evaluation, evaluate
from ..training.state import INITIAL_STATE, to_arrays
from ..training.validation import ValidationHistory
from . import tensorboard
from .display import Display

LONGEST_TURN = 500  # iterations between two checks for a signal and of the clock
LONG = 0.5  # seconds; a turn that takes longer makes the next one shorter
# Bits per character of one window, beyond which training has diverged. The notebook's softmax
# overflows at a thousand for a character, a shifted one never: with this limit all engines agree.
RUNAWAY = 150.0


class RunawayError(FloatingPointError):
    """The loss of an iteration is finite, but training has diverged."""

    def __init__(self, iteration: int, message: str) -> None:
        super().__init__(message)
        self.iteration = iteration


class StopRequest:
    """Turns Ctrl-C and SIGTERM into a request to stop after this iteration; a second one kills."""

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
    """Trains a run from its current iteration to its end or to a signal.

    After each iteration come, if due and in this order: validation, the log, the checkpoint, the
    best checkpoint. The best one has the same bytes; if the process dies between the two writes,
    the resumed run makes up for it. `ended` says why the run ended before its last iteration.

    The end is validated, too. A longer run would not validate there, so the checkpoint doesn't
    record this validation, and its other traces are removed when the run is resumed.
    """

    def __init__(
        self,
        folder: RunFolder,
        config: Config,
        training: Training,
        progress: ValidationHistory,
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

        Raises InputError if training diverges or a file can't be written; the last good checkpoint
        is kept.
        """
        folder, training = self.folder, self.training
        self._saved = training.iteration
        with explained("write", folder.log):
            over = self._rewind_log()
            self._flow = Flow(folder, self.config, training)
        self._tell_progress()
        self._save_best()
        if not over:
            self._take_back_end()
        try:
            with (
                explained("write", folder.log),
                StopRequest() as stop,
                threadpool_limits(1),  # the same bits whatever the number of cores
                np.errstate(over="ignore", invalid="ignore"),  # checked below, and reported
            ):
                if over:
                    self._validate_end_again()
                with (
                    tensorboard.open_log(folder, self.config, training.iteration) as lines,
                    display,
                ):
                    self._begun = time.perf_counter() - self._spent
                    while not over:
                        over = self._take_turn(lines, display, stop)
        except FloatingPointError as error:
            broken_at = training.iteration + 1
            if isinstance(error, RunawayError):
                broken_at = error.iteration
            folder.write_tables(self.config)
            folder.draw(self.config, broken_at)
            raise InputError(
                f"training broke down in iteration {broken_at}, worse than guessing "
                f"({smoothing.guess(self.config):.3f} bits per character): {error}. "
                f"Try a smaller --learning-rate or a smaller --clip. {self._last_good()}"
            ) from error
        except InputError as error:
            raise InputError(f"{error}. {self._last_good()}") from error
        folder.write_tables(self.config)
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
            self.ended = f"no better in {self.progress.bad_validations} validations"
        elif config.time_budget is not None and self._seconds >= config.time_budget:
            self.ended = f"the time budget of {config.time_budget:g} s is used up"
        return self.ended is not None

    def _take_turn(self, lines: log.Log, display: Display, stop: StopRequest) -> bool:
        """Take iterations up to the next one where something is due; return whether all is over."""
        config, training, progress = self.config, self.training, self.progress
        steps = self._take()
        evaluation = self._validate() if self._is_validation_due() else None
        # Checked once: a signal or timeout after this line must wait for the next turn, or no
        # checkpoint would be written before the end.
        ended = self._is_over()
        over = ended or stop.signal is not None
        at_end = None
        if ended and evaluation is None and self.validation is not None:
            evaluation = at_end = self._evaluate()
        for step in steps:
            _refuse_runaway(step, config)
            is_last = step is steps[-1]
            evaluated = evaluation if is_last else None
            ends = is_last and self.ended is not None
            if ends or evaluated is not None or entries.is_due(step, config):
                rate = schedule.rate(config, step.iteration, progress)
                seconds, learned = self._seconds, training.published
                entry = entries.of_step(step, config, seconds, rate, evaluated, learned)
                lines.add(entry)
                display.show(entry)
        is_best = evaluation is not None and self.progress.is_best_of(training.iteration)
        if over or is_best or training.iteration % config.checkpoint_every == 0:
            _refuse_broken(training)
            lines.flush()
            self._save(self.folder.checkpoint)
            self._saved = training.iteration
            self._save_best()
            if at_end is not None:
                self._save_end(at_end)
            self._flow.look(training)
            release(training.text)
        return over

    def _take(self) -> list[Step]:
        """Take one iteration, or as many as the engine can until something is due."""
        training, config = self.training, self.config
        done, begun = training.iteration, time.perf_counter()
        left = [every - done % every for every in (config.checkpoint_every, config.validate_every)]
        steps = training.advance(min(*left, config.iterations - done, self._turn))
        took = time.perf_counter() - begun
        self._turn = max(1, self._turn // 2) if took > LONG else min(2 * self._turn, LONGEST_TURN)
        return steps

    def _is_validation_due(self) -> bool:
        regular = self.training.iteration % self.config.validate_every == 0
        return self.validation is not None and regular

    def _validate(self) -> Evaluation:
        """Evaluate the validation text and record the result; the training is unchanged."""
        evaluation = self._evaluate()
        iteration, bits = self.training.iteration, evaluation.bits_per_character
        self.progress = self.progress.after(bits, iteration, self.config)
        self._tell_progress()
        return evaluation

    def _evaluate(self) -> Evaluation:
        assert self.validation is not None
        _refuse_broken(self.training)
        arrays = {name: np.asarray(value) for name, value in self.training.published.items()}
        parameters = (arrays[name] for name in PARAMETER_NAMES)
        state = arrays.get(INITIAL_STATE)
        return evaluate(parameters, self.validation, state, engine=self.config.engine)

    def _rewind_log(self) -> bool:
        """Drop log entries after the checkpoint, and the validation of what is the end no longer.

        Return whether the run is over at this iteration.
        """
        folder, config = self.folder, self.config
        known = log.read(folder.log, log.Entry)
        known = [entry for entry in known if entry.iteration <= self.training.iteration]
        self._spent = known[-1].seconds if known else 0.0
        self._begun = time.perf_counter() - self._spent
        over = self._is_over()
        if not over:
            due = [one for one in known if entries.is_due(one, config)]
            known = [entries.without_end(one, config) for one in due]
        log.write(folder.log, known)
        return over

    def _validate_end_again(self) -> None:
        """Validate the end of a finished run: its process may have died before it did so."""
        if self.validation is None or self._is_validation_due() or not self.training.iteration:
            return
        evaluation = self._evaluate()
        self._save_end(evaluation)
        known = log.read(self.folder.log, log.Entry)
        if known and known[-1].iteration == self.training.iteration:
            known[-1] = known[-1].model_copy(update=entries.said(evaluation))
            log.write(self.folder.log, known)

    def _save_end(self, evaluation: Evaluation) -> None:
        """Save the last weights as the best if they are, and keep the previous best ones."""
        folder, best_bits = self.folder, self.progress.best_bits
        if best_bits is not None:
            if evaluation.bits_per_character >= best_bits:
                return
            if not folder.best_before_end.exists():
                with explained("write", folder.best_before_end):
                    files.move(folder.best, folder.best_before_end)
        self._save(folder.best)

    def _take_back_end(self) -> None:
        folder = self.folder
        with explained("write", folder.best):
            if folder.best_before_end.exists():
                files.move(folder.best_before_end, folder.best)
            elif self.progress.best_bits is None:
                files.remove(folder.best)

    def _tell_progress(self) -> None:
        self.training.progress = self.progress

    def _save_best(self) -> None:
        if self.progress.is_best_of(self.training.iteration):
            self._save(self.folder.best)

    def _save(self, path: Path) -> None:
        checkpoint.save(path, self.training, self.progress, self.config.corpus.sha256)


def _refuse_runaway(step: Step, config: Config) -> None:
    bits = config.bits_per_character(step.loss)
    if bits > RUNAWAY:
        raise RunawayError(
            step.iteration,
            f"the loss must stay below {RUNAWAY:g} bits per character, got {bits:,.0f}",
        )


def _refuse_broken(training: Training) -> None:
    for value in to_arrays(training).values():
        if not np.isfinite(value).all():
            raise FloatingPointError("the update made weights that aren't finite numbers")

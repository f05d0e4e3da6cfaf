"""Run checkers in a process of its own, which is replaced if it hangs or dies."""

import multiprocessing
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

SECONDS = 240.0  # for one checker and one version

FOUND, MISSED, FALSE_ALARM, NOT_APPLICABLE = "found", "missed", "alarm", "n/a"


@dataclass(frozen=True)
class Result:
    """The outcome of a checker on an exhibit: found, missed, alarm or n/a.

    "alarm" is a false alarm, about the right version, whatever the outcome on the wrong version.
    `reason` and `seconds` are of both versions.
    """

    exhibit: str
    checker: str
    outcome: str
    reason: str
    seconds: float


def results(exhibits: Iterable[str], checkers: Iterable[str]) -> Iterator[Result]:
    """Yield the result of each checker for each exhibit, exhibit by exhibit."""
    names = list(checkers)
    worker = Worker()
    try:
        for exhibit in exhibits:
            for checker in names:
                begun = time.perf_counter()
                wrong = worker.opinion(exhibit, checker, True)
                right = worker.opinion(exhibit, checker, False)
                seconds = time.perf_counter() - begun
                yield Result(exhibit, checker, *outcome(wrong, right), round(seconds, 2))
    finally:
        worker.stop()


def outcome(wrong: tuple[bool | None, str], right: tuple[bool | None, str]) -> tuple[str, str]:
    """Return the outcome and the reason, given both opinions: an alarm or not, and its reason."""
    for alarm, reason in (wrong, right):
        if alarm is None:
            return NOT_APPLICABLE, reason
    if right[0]:
        return FALSE_ALARM, right[1]
    return (FOUND if wrong[0] else MISSED), wrong[1]


class Worker:
    """A process that answers, one by one, what a checker says of a version of an exhibit."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Any = None

    def opinion(self, exhibit: str, checker: str, wrong: bool) -> tuple[bool | None, str]:
        """Return whether there is an alarm, and why; a process that hangs or dies raises none."""
        if self._process is None:
            self._start()
        self._pipe.send((exhibit, checker, wrong))
        if not self._pipe.poll(SECONDS):
            self.stop()
            return False, f"no answer within {SECONDS:g} s"
        try:
            return self._pipe.recv()
        except EOFError:
            self.stop()
            return False, "the process died"

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_answer, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()


def _answer(pipe: Connection) -> None:
    import torch

    from .checkers import CHECKERS
    from .collection import EXHIBITS

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    by_name = {exhibit.name: exhibit for exhibit in EXHIBITS}
    while True:
        try:
            exhibit, checker, wrong = pipe.recv()
        except EOFError:
            return
        try:
            opinion = CHECKERS[checker](by_name[exhibit], wrong)
            answer = opinion.alarm, opinion.reason
        except Exception as error:  # of the checker itself, or of the adapter
            answer = None, f"{type(error).__name__}: {error}"
        pipe.send(answer)

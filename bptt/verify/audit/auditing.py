"""Plant one error after the other, and see whether a test fails."""

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from bptt.errors import InputError

from .planted import ALL, FACTOR, GROSS, GROSS_ON_ALL, NOISE, Plant
from .process import Worker, WorkerEndedError
from .report import (
    MISSED,
    NO_EFFECT,
    NOT_TRIED,
    SEEN,
    AuditReport,
    FunctionAudit,
    GradientAudit,
    Trial,
)
from .runners import FAILED
from .settings import Settings
from .thresholds import Threshold, smallest_seen
from .undisturbed import Undisturbed, refuse_changed_tests, run_undisturbed

REPEATS = 3  # of a planted error, where the gradients differ from run to run
SLACK, PATIENCE = 10.0, 5.0  # a planted run may take SLACK times as long, and PATIENCE seconds


class OutOfBudgetError(Exception):
    """The audit's time is over."""


def audit(
    target: str, settings: Settings | None = None, say: Callable[[str], None] = lambda text: None
) -> AuditReport:
    """Audit the tests that `target` names: a pytest node id, or `module:function`.

    `say` hears what is being done. Raises InputError where the tests can't be run, fail
    undisturbed, or run no backward pass.

    >>> audit("tests/test_layer_norm.py::test_backward").exit_status
    1
    """
    settings = settings or Settings()
    is_pytest = is_node_id(target)
    backward = list(settings.backward)
    start = time.monotonic()
    with Worker(target, is_pytest, backward, settings.time_limit) as worker:
        say("starting the test")
        worker.start()
        say("running the test undisturbed")
        undisturbed = run_undisturbed(worker, settings.runs, settings.backward)
        trials = Trials(worker, undisturbed, start + settings.budget, say)
        functions = list(_functions(undisturbed, settings))
        for fill in (_try_gross, _find_factors, _find_noise):
            for function in functions:
                fill(function, trials)
        refuse_changed_tests(worker, sorted({t for one in functions for t in one.tests}))
    return AuditReport(
        target, functions, settings.factor, undisturbed.skipped, undisturbed.is_repeatable,
        trials.runs, time.monotonic() - start,
    )  # fmt: skip


def is_node_id(target: str) -> bool:
    """Return whether pytest is to run it. Raises InputError if the file or pytest is missing."""
    path, separator, _ = target.partition("::")
    name = path if separator or ":" not in path else path.rpartition(":")[0]
    if (separator or name.endswith(".py")) and not Path(name).exists():
        raise InputError(f"there is no file {name}")
    if not separator and ":" in path and not Path(path).exists():
        return False
    if not Path(path).exists():
        raise InputError(f"expected TESTS.py, TESTS.py::test or MODULE:FUNCTION, got {target}")
    if importlib.util.find_spec("pytest") is None:
        raise InputError(
            "bptt audit runs your tests by pytest, which isn't installed: pip install pytest"
        )
    return True


class Trials:
    """Runs the tests of a function with an error planted."""

    def __init__(
        self, worker: Worker, undisturbed: Undisturbed, end: float, say: Callable[[str], None]
    ) -> None:
        self.worker, self.undisturbed, self.end, self.say = worker, undisturbed, end, say
        self.runs = 0

    def attempt(self, function: FunctionAudit, plant: Plant) -> Trial:
        """Plant an error; where gradients are random, it is seen only if each of some runs sees it.

        Raises OutOfBudgetError.
        """
        trial = Trial(NO_EFFECT)
        for _ in range(1 if self.undisturbed.is_repeatable else REPEATS):
            trial = self._once(function, plant)
            if trial.verdict != SEEN:
                break
        return trial

    def _once(self, function: FunctionAudit, plant: Plant) -> Trial:
        left = self.end - time.monotonic()
        if left <= 0.0:
            raise OutOfBudgetError
        self.runs += 1
        size = f" {plant.size:.1e}" if plant.size else ""
        self.say(f"{self.runs} runs, now {plant.error}{size} in {function.name}.{plant.gradient}")
        usual = sum(self.undisturbed.seconds[test] for test in function.tests)
        try:
            reply = self.worker.run(asdict(plant), function.tests, SLACK * usual + PATIENCE)
        except WorkerEndedError as error:
            return Trial(SEEN, said=str(error))
        last = reply["results"][-1]
        if last["outcome"] == FAILED:
            function.tests.remove(last["test"])
            function.tests.insert(0, last["test"])  # likely to see the next error, too
            return Trial(SEEN, last["test"], last["said"])
        return Trial(MISSED if reply["has_changed"] else NO_EFFECT, said=reply["trouble"])


def _functions(undisturbed: Undisturbed, settings: Settings) -> Iterator[FunctionAudit]:
    found = 0
    for name, observed in undisturbed.functions.items():
        gradients = [
            GradientAudit(key, tuple(one["shape"]), one["dtype"])
            for key, one in observed["gradients"].items()
            if not settings.gradients or key in settings.gradients
        ]
        if len(gradients) > 1 and not settings.gradients:
            gradients.append(GradientAudit(ALL))
        found += len(gradients)
        if gradients:
            yield FunctionAudit(name, list(observed["tests"]), observed["calls"], gradients)
    if not found:
        names = [key for one in undisturbed.functions.values() for key in one["gradients"]]
        raise InputError(
            f"--gradient: none is called {', '.join(settings.gradients)}; there are "
            f"{', '.join(names)}"
        )


def _try_gross(function: FunctionAudit, trials: Trials) -> None:
    for gradient in function.gradients:
        for error in GROSS_ON_ALL if gradient.name == ALL else GROSS:
            try:
                trial = trials.attempt(function, Plant(function.name, gradient.name, error))
            except OutOfBudgetError:
                trial = Trial(NOT_TRIED)
            gradient.trials[error] = trial


def _find_factors(function: FunctionAudit, trials: Trials) -> None:
    for gradient in function.gradients:
        gradient.factor = _threshold(function, gradient.name, FACTOR, trials)


def _find_noise(function: FunctionAudit, trials: Trials) -> None:
    for gradient in function.gradients:
        gradient.noise = _threshold(function, gradient.name, NOISE, trials)


def _threshold(
    function: FunctionAudit, gradient: str, error: str, trials: Trials
) -> Threshold | None:
    def sees(size: float) -> bool:
        plant = Plant(function.name, gradient, error, size)
        return trials.attempt(function, plant).verdict == SEEN

    try:
        return smallest_seen(sees)
    except OutOfBudgetError:
        return None

"""Run the user's tests again and again in one process: by pytest, or a plain function."""

import importlib
import importlib.util
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
NO_PLUGINS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"  # pytest's own variable
LONGEST_MESSAGE = 300  # characters of what a failed test said


class StartError(Exception):
    """There is no test to run; the message is for the user."""


class CollectError(StartError):
    """Pytest can't collect the target; what it printed says why."""


class Runner(Protocol):
    """Knows the tests by name, and runs one of them. Returns its outcome and what it said."""

    names: list[str]

    def run(self, name: str) -> tuple[str, str]: ...


class FunctionRunner:
    """Runs a plain function as the test: it fails where it raises."""

    def __init__(self, target: str) -> None:
        where, _, name = target.rpartition(":")
        try:
            module = _from_file(Path(where)) if where.endswith(".py") else None
            module = module or importlib.import_module(where)
        except Exception as error:
            raise StartError(f"{where} can't be imported\n{traceback.format_exc()}") from error
        self.function = getattr(module, name, None)
        if not callable(self.function):
            raise StartError(f"{where} has no function {name}")
        self.names = [target]
        if "hypothesis" in sys.modules:
            calm_hypothesis()

    def run(self, name: str) -> tuple[str, str]:
        try:
            self.function()  # pyright: ignore[reportOptionalCall]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # pytest's own are no Exceptions
            said = f"{type(error).__name__}: {error}"
            is_skip = any(cls.__name__ in ("Skipped", "SkipTest") for cls in type(error).__mro__)
            return (SKIPPED if is_skip else FAILED), first_line(said)
        return PASSED, ""


def _from_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise StartError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.resolve().parent))
    spec.loader.exec_module(module)
    return module


class PytestRunner:
    """A pytest plugin: after the collection, `serve(runner)` runs tests in place of pytest."""

    def __init__(self, target: str, serve: Callable[[Runner], None]) -> None:
        self.target, self.serve = target, serve
        self.names: list[str] = []
        self.has_served = False
        self._items: dict[str, Any] = {}
        self._reports: list[Any] = []
        self._collected: list[Any] = []
        self._trouble: Exception | None = None

    def start(self, cache: str) -> None:
        """Collect the tests and serve. Raises StartError where there are none."""
        import pytest

        # Any other traceback parses the source again, which takes longer than most tests.
        arguments = [self.target, "-q", "--no-header", "--tb=native"]
        arguments += ["-o", f"cache_dir={cache}"]
        if importlib.util.find_spec("xdist") is not None and not os.environ.get(NO_PLUGINS):
            arguments += ["-n", "0"]  # this process is the one where errors are planted
        pytest.main(arguments, plugins=[self])
        if self._trouble is not None:
            raise self._trouble
        if not self.has_served:
            raise CollectError(f"pytest can't collect {self.target}")

    def pytest_configure(self, config: Any) -> None:
        if config.pluginmanager.has_plugin("hypothesispytest"):
            calm_hypothesis()

    def pytest_collectreport(self, report: Any) -> None:
        if report.outcome != PASSED:
            self._collected.append(report)

    def pytest_runtestloop(self, session: Any) -> bool:
        self.has_served = True
        try:
            self._serve(session)
        except Exception as error:  # pytest would show it as an error of its own
            self._trouble = error
        return True

    def _serve(self, session: Any) -> None:
        failed = [report for report in self._collected if report.outcome == FAILED]
        if failed:
            said = "\n".join(str(report.longrepr) for report in failed)
            raise StartError(f"pytest can't collect {self.target}\n{said}")
        self._items = {item.nodeid: item for item in session.items}
        self.names = list(self._items)
        if not self.names:
            reasons = [f": {report.longrepr[2]}" for report in self._collected]
            raise StartError(f"pytest finds no test in {self.target}{''.join(reasons[:1])}")
        self.serve(self)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._reports.append(report)

    def run(self, name: str) -> tuple[str, str]:
        item = self._items[name]
        self._reports.clear()
        # No next item: every fixture is torn down, and computes anew in the next run.
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        for report in self._reports:
            if report.failed:
                return FAILED, _said(report)
        for report in self._reports:
            if report.skipped:
                reason = getattr(report, "wasxfail", None)
                return SKIPPED, _said(report) if reason is None else f"expected to fail: {reason}"
        return PASSED, ""


def _said(report: Any) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    return first_line(str(report.longrepr).rstrip() if crash is None else crash.message)


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:LONGEST_MESSAGE]


def calm_hypothesis() -> None:
    """Let property tests draw the same examples in each run, write no database, and not shrink."""
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "bptt-audit", settings(), derandomize=True, database=None, deadline=None, phases=phases
    )
    settings.load_profile("bptt-audit")


def run_all(
    runner: Runner, names: Sequence[str], until_failure: bool, before: Callable[[str], None]
) -> dict[str, Any]:
    """Run tests in their order; return each outcome, what it said, and the seconds it took."""
    results = []
    for name in names:
        before(name)
        start = time.monotonic()
        outcome, said = runner.run(name)
        seconds = time.monotonic() - start
        results.append({"test": name, "outcome": outcome, "said": said, "seconds": seconds})
        if until_failure and outcome == FAILED:
            break
    return {"results": results}

"""The tests as they are: do they pass each time, and which backward passes do they run?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bptt.errors import InputError

from .process import Worker, WorkerEndedError
from .runners import FAILED, PASSED, SKIPPED

MOST_NAMED = 5
HOW_TO_NAME = (
    "If it is in a function of yours, name that: --backward FILE.py:FUNCTION (or Class.method)"
)


@dataclass(frozen=True)
class Undisturbed:
    """`functions` has what was observed of each backward pass, `skipped` the tests that didn't run.

    `seconds` has the longest time of each test. `is_repeatable` tells whether the gradients had the
    same bits in each run.
    """

    functions: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[str, float]
    skipped: tuple[str, ...]
    is_repeatable: bool


def run_undisturbed(worker: Worker, runs: int, backward: tuple[str, ...]) -> Undisturbed:
    """Run all tests a number of times.

    Raises InputError where a test fails, every test is skipped, or no backward pass is run.
    """
    replies = []
    for _ in range(runs):
        try:
            replies.append(worker.run(None, worker.tests))
        except WorkerEndedError as error:
            raise InputError(
                f"undisturbed, the test can't be run: {error} (see --time-limit)"
            ) from None
    _refuse_failures([result for reply in replies for result in reply["results"]], runs)
    last = replies[-1]
    skipped = [result for result in last["results"] if result["outcome"] == SKIPPED]
    if len(skipped) == len(last["results"]):
        raise InputError(f"{skipped[0]['test']} is skipped: {skipped[0]['said']}")
    functions = _chosen(last, backward)
    seconds: dict[str, float] = {}
    for reply in replies:
        for result in reply["results"]:
            before = seconds.get(result["test"], 0.0)
            seconds[result["test"]] = max(before, result["seconds"])
    digests = [
        {key: reply["observed"].get(key, {}).get("digest") for key in functions}
        for reply in replies
    ]
    is_repeatable = all(one == digests[0] for one in digests) and None not in digests[0].values()
    return Undisturbed(
        functions, seconds, tuple(result["test"] for result in skipped), is_repeatable
    )


def refuse_changed_tests(worker: Worker, tests: list[str]) -> None:
    """Run the tests undisturbed once more; raises InputError where one fails by now."""
    try:
        results = worker.run(None, tests)["results"]
    except WorkerEndedError as error:
        raise InputError(f"after the planted errors, the undisturbed test {error}") from None
    for result in results:
        if result["outcome"] == FAILED:
            raise InputError(
                f"{result['test']} fails undisturbed after the planted errors, and passed before: "
                f"it fails by chance, or keeps something from one run to the next: {result['said']}"
            )


def _refuse_failures(results: list[dict[str, Any]], runs: int) -> None:
    failures = [result for result in results if result["outcome"] == FAILED]
    if not failures:
        return
    test, said = failures[0]["test"], failures[0]["said"]
    count = sum(result["test"] == test for result in failures)
    if count < runs:
        raise InputError(
            f"{test} fails by chance: in {count} of {runs} undisturbed runs, so what it sees can't "
            f"be told: {said}"
        )
    raise InputError(f"{test} fails as it is, with no error planted: {said}")


def _chosen(reply: dict[str, Any], backward: tuple[str, ...]) -> dict[str, Any]:
    """Return the observed backward passes that are to be audited, by name."""
    observed, passing = reply["observed"], _passing(reply)
    observed = {
        key: one | {"tests": [test for test in one["tests"] if test in passing]}
        for key, one in observed.items()
    }
    if reply["pending"]:
        raise InputError(f"the test never imports {reply['pending'][0].rpartition(':')[0]}")
    if not backward:
        found = {key: one for key, one in observed.items() if one["tests"]}
        if not found:
            raise InputError(_none_ran(reply["known"]))
        return found
    chosen = {}
    for name in backward:
        key = reply["named"][name]
        if not observed.get(key, {}).get("tests"):
            raise InputError(f"the test never runs the backward pass {name}")
        if not observed[key]["gradients"]:
            raise InputError(
                f"{name} returns no floating-point arrays: name the function that returns the "
                "gradients"
            )
        chosen[key] = observed[key]
    return chosen


def _passing(reply: dict[str, Any]) -> set[str]:
    return {result["test"] for result in reply["results"] if result["outcome"] == PASSED}


def _none_ran(known: list[str]) -> str:
    if known:
        more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
        return (
            "the test never runs the backward pass: none was called of "
            f"{', '.join(known[:MOST_NAMED])}{more}. {HOW_TO_NAME}"
        )
    return (
        "the test runs no hand-written backward pass: no torch.autograd.Function and no custom "
        f"operator with one was called; what PyTorch derives needs no audit. {HOW_TO_NAME}"
    )

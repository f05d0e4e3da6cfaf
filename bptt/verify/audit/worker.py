"""The process that runs the user's tests: requests come in, and results go out, as lines of JSON.

The first request names the target; each further one is a run, with an error to plant or none.
"""

import json
import os
import sys
import tempfile
from dataclasses import asdict
from typing import IO, Any

from .interception import Interception
from .named_functions import NamedFunctions, NotFoundError
from .planted import Plant
from .runners import (
    CollectError,
    FunctionRunner,
    PytestRunner,
    Runner,
    StartError,
    run_all,
)
from .torch_functions import FunctionWrapper


class Server:
    """Answers requests for runs of the tests."""

    def __init__(self, requests: IO[str], replies: IO[str], backward: list[str]) -> None:
        self.requests, self.replies = requests, replies
        self.interception = Interception()
        self.torch_functions = FunctionWrapper(self.interception)
        self.named = NamedFunctions(backward, self.interception)

    def serve(self, runner: Runner) -> None:
        """Announce the tests, and answer until the requests end."""
        self.attach()
        self.reply({"tests": runner.names})
        for line in self.requests:
            self.reply(self.answer(runner, json.loads(line)))

    def attach(self) -> None:
        self.torch_functions.attach()
        self.named.attach()

    def answer(self, runner: Runner, request: dict[str, Any]) -> dict[str, Any]:
        """Run tests with an error planted, or without: then also return what was observed."""
        self.attach()
        plant = None if request["plant"] is None else Plant(**request["plant"])
        self.interception.begin(plant)

        def before(name: str) -> None:
            self.interception.test = name

        answer = run_all(runner, request["tests"], plant is not None, before)
        if plant is not None:
            return answer | {
                "has_changed": self.interception.has_changed,
                "trouble": self.interception.trouble,
            }
        observed = {key: asdict(one) for key, one in self.interception.observed.items()}
        return answer | {
            "observed": observed,
            "known": self.torch_functions.known(),
            "named": self.named.keys,
            "pending": self.named.pending,
        }

    def reply(self, message: dict[str, Any]) -> None:
        self.replies.write(json.dumps(message) + "\n")
        self.replies.flush()


def main() -> None:
    """Answer the requests on standard input until they end; exit with 2 where no test starts."""
    # The tests may read and write as they like: requests and replies have descriptors of their own.
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    first = json.loads(requests.readline())
    server = Server(requests, replies, first["backward"])
    try:
        with tempfile.TemporaryDirectory() as cache:
            os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", cache)
            # A compiled backward pass would keep the error of the run that compiled it.
            os.environ["TORCHDYNAMO_DISABLE"] = "1"
            if first["is_pytest"]:
                PytestRunner(first["target"], server.serve).start(cache)
            else:
                server.serve(FunctionRunner(first["target"]))
    except (StartError, NotFoundError) as error:
        is_explained = not isinstance(error, CollectError)
        server.reply({"error": str(error), "is_explained": is_explained})
        sys.exit(2)

"""Watch backward passes and change what they return.

The functions and classes of a test are wrapped once; an interception then says, run by run, which
error to plant, and remembers what was called.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import arrays, structures
from .planted import Plant, plant_into


@dataclass
class Observed:
    """What was seen of one backward pass in one run of the tests."""

    calls: int = 0
    tests: list[str] = field(default_factory=list)
    gradients: dict[str, dict[str, Any]] = field(default_factory=dict)
    digest: str | None = ""  # of all returned gradients; None where they can't be read

    def add(self, test: str, gradients: dict[str, Any]) -> None:
        self.calls += 1
        if test not in self.tests:
            self.tests.append(test)
        for name, value in gradients.items():
            self.gradients[name] = {
                "shape": list(arrays.shape_of(value)),
                "dtype": arrays.dtype_of(value),
            }
            bytes_of = arrays.content(value)
            if self.digest is None or bytes_of is None:
                self.digest = None
            else:
                so_far = f"{self.digest}{name}".encode()
                self.digest = hashlib.sha256(so_far + bytes_of).hexdigest()


class Interception:
    """Plants the error of the current run, and records the calls of backward passes."""

    def __init__(self) -> None:
        self._active = threading.local()  # autograd runs some backward passes in threads
        self.begin(None)

    def begin(self, plant: Plant | None) -> None:
        """Start a run: plant this error, or none and record."""
        self.plant = plant
        self.test = ""
        self.observed: dict[str, Observed] = {}
        self.has_changed = False
        self.trouble = ""  # why the error can't be planted

    def wrapped(
        self,
        key: str,
        function: Callable[..., Any],
        names: Sequence[str] = (),
        may_have_loss: bool = False,
    ) -> Callable[..., Any]:
        """Return a function that calls a backward pass and lets the current error into its result.

        In a recursive call only the outermost result is changed. `names` and `may_have_loss` are
        those of `structures.changed`.
        """

        def intercepted(*arguments: Any, **options: Any) -> Any:
            running: set[str] = self._active.__dict__.setdefault("keys", set())
            if key in running:
                return function(*arguments, **options)
            running.add(key)
            try:
                returned = function(*arguments, **options)
            finally:
                running.discard(key)
            return self._through(key, returned, names, may_have_loss)

        return intercepted

    def _through(self, key: str, returned: Any, names: Sequence[str], may_have_loss: bool) -> Any:
        if self.plant is not None and self.plant.function != key:
            return returned
        found = structures.gradients_in(returned, names, may_have_loss)
        if self.plant is None:
            self.observed.setdefault(key, Observed()).add(self.test, found)
            return returned
        try:
            wrong = plant_into(found, self.plant)
        except Exception as error:  # else the test would fail, and seem to see what wasn't planted
            self.trouble = f"{type(error).__name__}: {error}"
            return returned
        if not wrong:
            return returned
        self.has_changed = True
        return structures.changed(returned, wrong.get, names, may_have_loss)

"""The limit as a contestant: its ceilings are timed in every round, like an engine."""

from collections.abc import Callable

from .ceilings import Ceiling
from .limit import Key, Limit, LimitProblem

CHOSEN: dict[Key, Ceiling] = {}  # of this process, for all its workloads


class Contestant:
    """Times the ceilings of one workload; runs in a process of its own with one thread."""

    def __init__(self, problem: LimitProblem) -> None:
        self.problem = problem
        self.keys: list[Key] = []
        self.samples: list[dict[str, float]] = []
        self._parts(self._choose)

    def _parts(self, seconds: Callable[[Key], float]) -> dict[str, float]:
        problem = self.problem
        return Limit(seconds, problem.threads).parts(problem.workload, problem.sizes, problem.dtype)

    def _choose(self, key: Key) -> float:
        if key not in CHOSEN:
            CHOSEN[key] = Ceiling.choose(key, self.problem.choosing, self.problem.sampling)
        if key not in self.keys:
            self.keys.append(key)
        return 1.0

    def sample(self, units: int) -> tuple[float, float]:
        """Time all ceilings; return the limit of `units` units and the processor time in it."""
        found = {key: CHOSEN[key].sample() for key in self.keys}
        parts = self._parts(lambda key: found[key][0])
        self.samples.append(parts)
        wall = sum(parts.values())
        share = sum(busy for _, busy in found.values()) / sum(wall for wall, _ in found.values())
        return units * wall, units * wall * share * self.problem.threads

    def parts(self) -> dict[str, list[float]]:
        """Return each part of the limit in every sample, in seconds, and forget the samples."""
        samples, self.samples = self.samples, []
        return {name: [sample[name] for sample in samples] for name in samples[0]}

    def programs(self) -> dict[str, str]:
        """Return which program is fastest, for each ceiling."""
        return {" ".join(map(str, key)): CHOSEN[key].program.name for key in self.keys}

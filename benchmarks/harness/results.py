"""The results of a run, as results.json holds them; times are in seconds per unit."""

from dataclasses import dataclass, field
from typing import Any

from .spread import Spread, paired_ratios

MEASURED, ABSENT, REFUSED, FAILED = "measured", "absent", "refused", "failed"


@dataclass
class EngineResult:
    """One engine in one workload; `remark` says why it was not measured, if it wasn't.

    `difference` describes the largest difference from the oracle before the timing,
    `difference_share` is that difference over the tolerance, and `error` the same over the largest
    entry, where the tolerance is relative to that. `cores` holds processor seconds per
    wall-clock second.
    """

    name: str
    description: str
    computes: str
    status: str
    remark: str = ""
    difference: str = ""
    difference_share: float | None = None
    error: float | None = None
    units: int = 0
    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def spread(self) -> Spread:
        return Spread.of(self.seconds)

    @property
    def processor_seconds(self) -> list[float]:
        """Processor seconds of all threads per unit, which other programs disturb less."""
        return [wall * cores for wall, cores in zip(self.seconds, self.cores, strict=True)]


@dataclass
class Workload:
    """One table of results: several engines on the same work, timed per `unit` of it.

    `limit` is a lower bound for the time of a unit, measured in the same rounds as the engines;
    `limit_parts` are its summands in each round, in seconds. `oracle` says what the engines were
    compared with; `ours` is this project's engine.
    """

    name: str
    title: str
    unit: str
    threads: int
    sizes: dict[str, int]
    engines: list[EngineResult]
    ours: str = ""
    oracle: str = ""
    limit: EngineResult | None = None
    limit_parts: dict[str, list[float]] = field(default_factory=dict)
    orders: list[list[str]] = field(default_factory=list)

    @property
    def measured(self) -> list[EngineResult]:
        return [engine for engine in self.engines if engine.status == MEASURED]

    @property
    def timed(self) -> list[EngineResult]:
        """Return all that took part in the rounds: the measured engines, and the limit."""
        return [*self.measured, *([self.limit] if self.limit else [])]

    def over_limit(self, engine: str) -> list[float]:
        """Return an engine's multiple of the limit in each round; empty without a limit."""
        return self.ratios(engine, self.limit.name) if self.limit else []

    def ratio(self, numerator: str, denominator: str) -> Spread:
        """Return the spread of `ratios`."""
        return Spread.of(self.ratios(numerator, denominator))

    def ratios(self, numerator: str, denominator: str) -> list[float]:
        """Return the ratio of two engines' times in each round; "limit" is one of them."""
        by_name = {engine.name: engine for engine in self.timed}
        return paired_ratios(by_name[numerator].seconds, by_name[denominator].seconds)

"""Workload (c): time and memory by T, H, B and V; every point in its own process.

T, H and V are sizes of a training iteration over random symbols, B is the batch size of a layer.
The weights are those of an untrained network, whose states contract, so that engines agree to
rounding even after 10,000 steps.
"""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reference import initialize_parameters

from ..harness.absence import AbsentError
from ..harness.arena import Remote, last_line
from ..harness.process import FailedError, Process
from ..harness.profiles import Growth, Profile
from ..harness.progress import Progress
from ..harness.registry import LAYER, TRAINING, Engine
from ..harness.rounds import units_needed
from ..harness.spread import growth_exponent
from ..problems import layer, training_oracle
from ..problems.differences import Difference, worst
from ..problems.layer import LayerProblem
from ..problems.training import Problem, State

LANES = "B"
TRAINERS = ("reference", "fast", "elman", "nn.RNN", "jax-loop")
LAYERS = ("elman", "nn.RNN", "torch-ops", "jax-scan")
SMALL = 4  # size of the problem that warms an engine up
WINDOWS = 4  # windows of text
SAMPLES = 5  # samples per process
RESOLVED = 2**20  # bytes; smaller amounts can't be told from pages that were resident before
DTYPE = "float32"


@dataclass
class Point:
    """The measurement at one size: seconds per unit, and peak bytes above those resident before."""

    size: int
    seconds: float
    memory: float | None


@dataclass
class Series:
    """One engine along one axis; `remark` says why points are missing, if they are.

    The exponents are fitted to the upper half of the sizes, since fixed costs dominate below; that
    of memory only if all those points are above RESOLVED.
    """

    axis: str
    engine: str
    description: str
    fixed: dict[str, int]
    remark: str = ""
    points: list[Point] = field(default_factory=list)
    time_exponent: float | None = None
    memory_exponent: float | None = None

    def fit(self) -> None:
        upper = self.points[(len(self.points) - 1) // 2 :]
        if len(upper) < 2:
            return
        sizes = [point.size for point in upper]
        self.time_exponent = growth_exponent(sizes, [point.seconds for point in upper])
        grown = [point.memory for point in upper if point.memory and point.memory >= RESOLVED]
        if len(grown) == len(upper):
            self.memory_exponent = growth_exponent(sizes, grown)


def fixed_sizes(profile: Profile, axis: str) -> dict[str, int]:
    """Return the sizes that stay fixed while the axis grows."""
    sizes = {"T": profile.T, "H": profile.H, "V": profile.V}
    if axis == LANES:
        sizes = {"T": profile.layer_steps, "H": profile.H}
    return {name: size for name, size in sizes.items() if name != axis}


def training_problem(sizes: dict[str, int], clip: float) -> Problem:
    T, H, V = sizes["T"], sizes["H"], sizes["V"]
    text = np.random.default_rng(T).integers(V, size=T * WINDOWS + 1)
    parameters = initialize_parameters(vocab_size=V, hidden_size=H, seed=1)
    start = State(parameters, parameters.zeros_like(), np.zeros((H, 1)), 0)
    symbols = "".join(chr(0x4E00 + index) for index in range(V))
    return Problem(text, symbols, T, DTYPE, training_oracle.rounded(start, DTYPE), clip=clip)


def problem_at(profile: Profile, axis: str, size: int) -> Problem | LayerProblem:
    sizes = fixed_sizes(profile, axis) | {axis: size}
    if axis == LANES:
        return LayerProblem(sizes["T"], sizes["B"], sizes["H"])
    return training_problem(sizes, profile.clip)


def differences(problem: Any, engine: Engine, remote: Any) -> Iterable[Difference]:
    if isinstance(problem, LayerProblem):
        return layer.compare(problem, layer.expected(problem), remote)
    assert engine.rule is not None
    start = problem.start
    return training_oracle.check_from(problem, engine.rule, "fresh", start, remote)


def measure(engine: Engine, small: Any, problem: Any, seconds: float) -> tuple[float, int | None]:
    """Return seconds per unit and peak bytes, measured in a new process.

    The memory is measured first, then the results are checked, then the time is measured. Raises
    AbsentError, or FailedError if the engine fails or its results are wrong.
    """
    with Process(threads=1) as process:
        memory = process.ask("memory", engine.subject, small, problem)
        found = worst(differences(problem, engine, Remote(process)))
        if not found.agrees:
            raise FailedError(f"refused: {found}")
        units = units_needed(process, seconds)
        # The shortest time, because a disturbance at a single point would distort the curve.
        shortest = min(process.ask("time", units)[0] for _ in range(SAMPLES))
    return shortest / units, memory


def run(
    profile: Profile, progress: Progress, names: set[str], random: np.random.Generator
) -> Iterator[Series]:
    """Measure and yield the series of every engine, axis by axis."""
    for growth in profile.growths:
        progress.head(f"(c) growth of {growth.axis}: {', '.join(map(str, growth.sizes))}")
        yield from run_axis(profile, growth, progress, names, random)


def run_axis(
    profile: Profile,
    growth: Growth,
    progress: Progress,
    names: set[str],
    random: np.random.Generator,
) -> list[Series]:
    engines, kept = (LAYER, LAYERS) if growth.axis == LANES else (TRAINING, TRAINERS)
    chosen = [
        engine for engine in engines if engine.name in kept and (not names or engine.name in names)
    ]
    fixed = fixed_sizes(profile, growth.axis)
    series = {e.name: Series(growth.axis, e.name, e.description, fixed) for e in chosen}
    samples: dict[tuple[str, int], list[tuple[float, int | None]]] = {}
    small = problem_at(profile, growth.axis, min(SMALL, *growth.sizes))
    problems = {size: problem_at(profile, growth.axis, size) for size in growth.sizes}
    progress.begin("points", profile.growth_rounds * len(chosen) * len(growth.sizes))
    for _ in range(profile.growth_rounds):
        points = [(engine, size) for engine in chosen for size in growth.sizes]
        for index in random.permutation(len(points)):
            engine, size = points[index]
            progress.advance(f"{engine.name} {growth.axis}={size}")
            if series[engine.name].remark:
                continue
            try:
                sample = measure(engine, small, problems[size], profile.sample_seconds)
            except (AbsentError, FailedError) as error:
                series[engine.name].remark = f"{growth.axis}={size}: {last_line(error)}"
                progress.say(f"{engine.name}: {series[engine.name].remark}")
            else:
                samples.setdefault((engine.name, size), []).append(sample)
    for name, one in series.items():
        if one.remark:
            continue
        for size in growth.sizes:
            seconds, memory = zip(*samples[name, size], strict=True)
            # JAX compiles for every size, so the peak would be that of the compiler.
            unknown = None in memory or name.startswith("jax")
            bytes_used = None if unknown else float(statistics.median(memory))
            one.points.append(Point(size, statistics.median(seconds), bytes_used))
        one.fit()
    return list(series.values())

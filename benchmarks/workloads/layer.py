"""Workload (b): one layer's forward and backward pass, float32, by batch size and width."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..harness.arena import Arena, only
from ..harness.profiles import Profile
from ..harness.registry import LAYER, Engine
from ..harness.results import Workload
from ..limit.limit import limit_of
from ..problems.differences import Difference
from ..problems.layer import TOLERANCE, LayerProblem, compare, expected


def check(problem: LayerProblem) -> Callable[[Engine, Any], Iterable[Difference]]:
    right = expected(problem)
    return lambda engine, remote: compare(problem, right, remote, engine.precision)


def run(
    arena: Arena, profile: Profile, names: set[str], engines: tuple[Engine, ...] = LAYER
) -> Iterator[Workload]:
    """Measure every batch size with every width."""
    for B in profile.layer_batches:
        for H in profile.layer_widths:
            problem = LayerProblem(profile.layer_steps, B, H)
            sizes = {"B": B, "H": H, "T": problem.T}
            arena.progress.head(f"(b) layer, B={B} H={H}, {arena.threads} threads")
            found = arena.compete(
                [engine for engine in only(engines, names) if problem.dtype in engine.dtypes],
                problem,
                check(problem),
                rounds=profile.layer_rounds,
                sample_seconds=profile.sample_seconds,
                same_units=False,
                yardstick=limit_of("layer", sizes, problem.dtype, arena.threads, profile),
            )
            yield Workload(
                name=f"layer-B{B}-H{H}-threads{arena.threads}",
                title=f"(b) A layer forward and backward, B={B}, H={H}, {problem.dtype}",
                unit="forward and backward",
                threads=arena.threads,
                sizes=sizes,
                engines=found.engines,
                ours="passes",
                orders=found.orders,
                limit=found.limit,
                limit_parts=found.limit_parts,
                oracle=f"reference.forward_step and its reverse in float64; all within "
                f"{TOLERANCE[problem.dtype]:g} of the largest entry, in bfloat16 "
                f"{TOLERANCE['bfloat16']:g}",
            )

"""Workload (a): the notebook's training iteration, in float64 and float32."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from bptt.text import corpora
from reference import Hyperparameters, Training, Vocabulary

from ..harness.arena import Arena, only
from ..harness.profiles import Profile
from ..harness.registry import TRAINING, Engine
from ..harness.results import Workload
from ..limit.limit import limit_of
from ..problems import training_oracle
from ..problems.differences import Difference
from ..problems.training import Problem, restricted, trained

LONGEST_TEXT = 500_000  # characters sent to the workers; more would not be read


def problem(profile: Profile, corpus: corpora.Corpus) -> Problem:
    """Train some iterations with the reference; engines continue from there.

    Raises ValueError for a text too short for the profile's windows.
    """
    text, symbols = restricted(corpus.text[:LONGEST_TEXT], profile.V)
    vocabulary = Vocabulary(symbols)
    hyperparameters = Hyperparameters(
        hidden_size=profile.H,
        seq_length=profile.T,
        iterations=profile.training_iterations + 1,
        sample_every=profile.training_iterations + 1,
    )
    indices = vocabulary.encode(text)
    training = Training(indices, hyperparameters, vocabulary=vocabulary, clip=profile.clip)
    start = trained(training, profile.training_iterations)
    return Problem(indices, symbols, profile.T, "float64", start, clip=profile.clip)


def check(problem: Problem) -> Callable[[Engine, Any], Iterable[Difference]]:
    def compare(engine: Engine, remote: Any) -> Iterable[Difference]:
        assert engine.rule is not None
        return training_oracle.check(problem, engine.rule, remote)

    return compare


def run(
    arena: Arena,
    profile: Profile,
    base: Problem,
    dtype: str,
    names: set[str],
    engines: tuple[Engine, ...] = TRAINING,
) -> Workload:
    """Measure the engines that support this dtype."""
    problem = replace(base, dtype=dtype)
    training_oracle.check_that_rules_differ(problem)
    sizes = {"H": problem.H, "T": problem.T, "V": problem.V}
    chosen = [engine for engine in only(engines, names) if dtype in engine.dtypes]
    found = arena.compete(
        chosen,
        problem,
        check(problem),
        rounds=profile.rounds,
        sample_seconds=profile.sample_seconds,
        same_units=True,
        yardstick=limit_of("training", sizes, dtype, arena.threads, profile),
    )
    return Workload(
        name=f"training-{dtype}",
        title=f"(a) The notebook's training iteration, {dtype}",
        unit="iteration",
        threads=arena.threads,
        sizes=sizes,
        engines=found.engines,
        ours="fast",
        orders=found.orders,
        limit=found.limit,
        limit_parts=found.limit_parts,
        oracle=f"reference, one iteration from each of {len(training_oracle.probes(problem))} "
        f"states; gradients within {training_oracle.GRADIENT_TOLERANCE[dtype]:g} of the largest",
    )

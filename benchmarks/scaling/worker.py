"""The worker that torchrun runs for benchmarks.scaling.

It times iterations of one process alone and of all together, alternately. The other processes
wait, without using a core, while the first one trains alone.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bptt.engines import gradients
from bptt.engines import shared as shared_gradients
from bptt.engines.processes import ProcessGroup, joined
from bptt.settings import Settings
from bptt.training.initialization import initialize
from bptt.training.loop import TrainingLoop
from bptt.training.shared import SharedTraining
from reference import Vocabulary

V, T = 80, 64
MESSAGE = 8 * 2**20  # bytes per all-reduce, to measure the bandwidth


def trainings(group: ProcessGroup, H: int, B: int, clip_kind: Any) -> tuple[Any, Any]:
    """Return a training by all processes and one by this process alone, with the same settings."""
    settings = Settings(
        engine="fast", dtype="float32", hidden_size=H, seq_length=T, lanes=B, clip_kind=clip_kind,
        learning_rate=0.01, checkpoint_every=10**9, sample_every=10**9, iterations=10**9,
    )  # fmt: skip
    text = np.random.default_rng(1).integers(V, size=B * (20 * T + 1)).astype(np.uint8)
    parameters = initialize("orthogonal", vocab_size=V, hidden_size=H, seed=1)
    sizes = {"seq_length": T, "lanes": B, "dtype": torch.float32}
    running = settings.running_clip is not None
    shared = shared_gradients.share(parameters, group, running_clip=running, **sizes)
    vocabulary = Vocabulary([chr(33 + symbol) for symbol in range(V)])
    together = SharedTraining(text, settings, vocabulary=vocabulary, engine=shared, group=group)
    own = gradients.CompiledEngine(parameters, **sizes)
    return together, TrainingLoop(text, settings, vocabulary=vocabulary, engine=own)


def taken(training: Any, group: ProcessGroup | None, iterations: int) -> float:
    """Return the seconds that the iterations take; workers wait for the command first."""
    begun = time.perf_counter()
    for _ in range(iterations):
        if group is not None and not group.leads:
            group.receive_command()
        training.step()
    return time.perf_counter() - begun


def measure(
    group: ProcessGroup, H: int, B: int, clip_kind: str, rounds: int, seconds: float
) -> dict:
    together, alone = trainings(group, H, B, clip_kind)
    taken(together, group, 2)  # the first iteration writes a sample, and compiles
    once = taken(alone, None, 2) / 2 if group.leads else 0.0
    count = torch.tensor([max(1, int(seconds / max(once, 1e-9)))])
    group.broadcast(count)
    iterations = int(count)
    times: dict[str, list[float]] = {"alone": [], "together": []}
    for _ in range(rounds):
        if group.leads:
            times["alone"].append(taken(alone, None, iterations) / iterations)
        group.agree(None)  # so that all begin at once
        times["together"].append(taken(together, group, iterations) / iterations)
    return {"H": H, "B": B, "clip_kind": clip_kind, "iterations": iterations, **times}


def wire(group: ProcessGroup, rounds: int) -> dict[str, float]:
    """Measure all-reduce: bytes received per second, and the seconds of a tiny one (latency)."""
    large, small = torch.zeros(MESSAGE // 4), torch.zeros(1)
    times: dict[int, list[float]] = {0: [], 1: []}
    for _ in range(rounds):
        for which, message in enumerate((large, small)):
            begun = time.perf_counter()
            for _ in range(10):
                group.add_up(message)
            times[which].append((time.perf_counter() - begun) / 10)
    received = 2 * (group.size - 1) / group.size * MESSAGE
    return {
        "bandwidth": received / float(np.median(times[0])),
        "latency": float(np.median(times[1])),
    }


def main(plan: dict, out: Path) -> None:
    torch.set_num_threads(1)
    with joined() as group:
        found = {"V": V, "T": T, "processes": group.size, "wire": wire(group, plan["rounds"])}
        points = [
            measure(group, H, B, clip_kind, plan["rounds"], plan["seconds"])
            for H, B in plan["sizes"]
            for clip_kind in ("running", "norm")
        ]
        if group.leads:
            out.write_text(json.dumps(found | {"points": points}, indent=2) + "\n")
        else:
            group.receive_command()  # that it is over


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=json.loads, help="as JSON: sizes, rounds, seconds")
    parser.add_argument("out", type=Path, help="the JSON file to write")
    main(**vars(parser.parse_args()))

"""Run by torchrun: compares shared trainings with one of a single process, on the same weights.

    torchrun --nproc-per-node N -m tests.bptt.sessions.shared_lockstep TEXT FOLDER

Leaves in FOLDER/found.json the largest differences of any iteration for each of CASES, a whole run
with the settings WHOLE in FOLDER/whole, one with the notebook's Adagrad in FOLDER/DTYPE for each
dtype, and in FOLDER/threads-RANK.json the threads at the end.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bptt.engines import gradients
from bptt.engines.processes import ProcessGroup, joined
from bptt.sessions import lifecycle
from bptt.sessions.lifecycle import Run
from bptt.sessions.worker import work
from bptt.training.loop import TrainingLoop
from bptt.training.shared import SharedTraining
from bptt.training.start import initial_parameters
from bptt.training.state import INITIAL_STATE, put_arrays, to_arrays

ITERATIONS = 20
SMALL = {"engine": "fast", "hidden_size": 9, "seq_length": 7, "split": "all",
         "initialization": "glorot", "checkpoint_every": 1, "iterations": ITERATIONS}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "running clip, one lane and two": {"lanes": 3, "clip": 0.3},
    "running clip, two lanes and three": {"lanes": 5, "clip": 0.3},
    "running clip, float32": {"lanes": 8, "clip": 0.3, "dtype": "float32", "optimizer": "adam"},
    "running clip, learned initial state": {"lanes": 4, "clip": 0.3, "learn_initial_state": True},
    "norm": {"lanes": 3, "clip_kind": "norm", "clip": 0.5, "optimizer": "sgd"},
    "value": {"lanes": 4, "clip_kind": "value", "clip": 0.1},
    "none": {"lanes": 3, "clip": None, "optimizer": "rmsprop"},
    "none, learned initial state": {"lanes": 5, "clip": None, "learn_initial_state": True},
}
WHOLE = SMALL | {"lanes": 5, "clip": 0.5, "optimizer": "sgd", "iterations": 600,
                 "checkpoint_every": 20, "split": "90/5/5", "validate_every": 100}  # fmt: skip

NOTEBOOKS = {"engine": "fast", "hidden_size": 21, "seq_length": 7, "lanes": 8, "iterations": 60,
             "clip": 0.1, "split": "all"}  # fmt: skip


def alone(run: Run) -> tuple[TrainingLoop, gradients.CompiledEngine]:
    """Make the same training for this process alone."""
    config = run.config
    parameters = initial_parameters(config, len(config.vocabulary))
    engine = gradients.CompiledEngine(
        parameters,
        seq_length=config.seq_length,
        lanes=config.lanes,
        dtype=getattr(torch, config.dtype),
    )
    training = TrainingLoop(
        run.texts.train,
        config,
        vocabulary=run.texts.vocabulary,
        engine=engine,
    )
    return training, engine


def compare(run: Run) -> dict[str, float]:
    """Return the largest differences, relative to the largest entry, and how often a clip acted."""
    ours = run.training
    assert isinstance(ours, SharedTraining)
    ours.share_state()
    theirs, engine = alone(run)
    worst, acted = {"gradients": 0.0, "weights": 0.0, "states": 0.0, "loss": 0.0}, 0
    clip = run.config.running_clip
    for _ in range(ITERATIONS):
        put_arrays(theirs, to_arrays(ours))  # in lockstep: training is chaotic
        theirs.position, theirs.iteration = ours.position, ours.iteration
        mine, its = ours.step(), theirs.step()
        pairs = ours._engine.gradients, engine.gradients
        worst["gradients"] = max(worst["gradients"], difference(*pairs))
        worst["weights"] = max(worst["weights"], difference(ours.learned, theirs.learned))
        states = {"": ours.hidden_state}, {"": theirs.hidden_state}
        worst["states"] = max(worst["states"], difference(*states))
        worst["loss"] = max(worst["loss"], abs(mine.loss - its.loss) / its.loss)
        if clip is not None:
            acted += sum(int((value.abs() == clip).sum()) for value in pairs[1].values())
    initial_state = to_arrays(ours).get(INITIAL_STATE, np.zeros(1))
    return worst | {"acted": acted, "learned": float(np.abs(initial_state).max())}


def difference(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    return max(
        float((ours[name] - value).abs().max() / value.abs().max().clamp(min=1e-300))
        for name, value in theirs.items()
    )


def lead(text: str, folder: Path, group: ProcessGroup) -> None:
    found = {}
    for number, (name, settings) in enumerate(CASES.items()):
        found[name] = compare(lifecycle.make(text, SMALL | settings, folder / str(number), group))
    (folder / "found.json").write_text(json.dumps(found))
    lifecycle.begin(text, WHOLE, folder / "whole", group)
    for dtype in ("float64", "float32"):
        lifecycle.begin(text, NOTEBOOKS | {"dtype": dtype}, folder / dtype, group)


def main(text: str, folder: Path) -> None:
    with joined() as group:
        if group.leads:
            lead(text, folder, group)
        else:
            work(group)
    threads = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
    (folder / f"threads-{group.rank}.json").write_text(json.dumps(threads))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text")
    parser.add_argument("folder", type=Path)
    main(**vars(parser.parse_args()))

"""Races: threads that write to one place, or read what another has yet to write."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import numpy as np

from ..exhibit import exhibit, layer_of_arrays


def started(run: Callable[..., None], *arguments: Any) -> Thread:
    thread = Thread(target=run, args=arguments)
    thread.start()
    return thread


@exhibit(
    "fla-org/flash-linear-attention#889",
    2026,
    "All threads added to one sum without an atomic operation, so that some additions were lost.",
    layer_of_arrays,
)
def lost_additions(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray, bias: np.ndarray) -> tuple[Any, Any]:
        d = up * np.cos(x + bias)
        parts, total = np.array_split(d, 2), np.zeros_like(bias)

        def add(part: np.ndarray) -> None:
            before = total.copy()
            of_part = sum(part, np.zeros_like(total))
            time.sleep(0)  # another thread may run here
            total[:] = before + of_part

        threads = []
        for part in parts:
            threads.append(started(add, part))
            if not wrong:
                threads[-1].join()
        for thread in threads:
            thread.join()
        return d, total

    return lambda x, bias: np.sin(x + bias), backward


def attention_inputs(rng: np.random.Generator, T: int, D: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((T, T)), rng.standard_normal((T, D))


@exhibit(
    "Dao-AILab/flash-attention#2481",
    2026,
    "A kernel read the gradient from above without waiting for the kernel before, which wrote it.",
    attention_inputs,
)
def read_before_it_is_written(wrong: bool) -> Any:
    def weights(scores: np.ndarray) -> np.ndarray:
        e = np.exp(scores)
        return e / e.sum(1, keepdims=True)

    def backward(up: np.ndarray, scores: np.ndarray, v: np.ndarray) -> Any:
        p, sums = weights(scores), np.zeros((len(scores), 1))

        def preprocess() -> None:
            for t, row in enumerate(p * (up @ v.T)):
                sums[t] = row.sum()

        thread = started(preprocess)
        if not wrong:
            thread.join()
        d = p * (up @ v.T - sums)
        thread.join()
        return d, p.T @ up

    return lambda scores, v: weights(scores) @ v, backward

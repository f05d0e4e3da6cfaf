"""Several threads in one layer, and several threaded layers at the same time."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.torch_impl.elman.layers import options_of
from torch_impl.elman.compiled import CompiledLayer
from torch_impl.elman.computation import LayerGradients, LayerInputs, LayerOptions
from torch_impl.kernels.barrier import APART, GIVEN_UP
from torch_impl.kernels.threads import run_in_threads, run_with_barrier

PLAIN = LayerOptions()


def computed(
    way: CompiledLayer,
    T: int,
    B: int,
    I: int,  # noqa: E741
    H: int,
    dtype: torch.dtype,
    options: LayerOptions = PLAIN,
) -> list[Tensor]:
    """Return the states and all gradients of a layer with random numbers."""
    generator = torch.Generator().manual_seed(T * 1000 + B * 100 + H)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=dtype, generator=generator)

    leading = (T, B) if options.batch_sizes is None else (sum(options.batch_sizes),)
    inputs, initial, grad_states = normal(*leading, I), normal(B, H), normal(*leading, H)
    weights = normal(H, I) / H**0.5, normal(H, H) / H**0.5
    states, grad_preactivations = torch.full((2, *leading, H), torch.nan, dtype=dtype)
    last = torch.full((1, B, H), torch.nan, dtype=dtype)
    shapes = (*leading, I), (B, H), (H, I), (H, H), (H,)
    gradients = LayerGradients(*(torch.full(shape, torch.nan, dtype=dtype) for shape in shapes))
    layer_inputs = LayerInputs(inputs, initial, *weights, normal(H), normal(H))
    way.forward(states, last, layer_inputs, options)
    above = grad_states, normal(1, B, H)
    way.backward(gradients, grad_preactivations, *above, states, layer_inputs, options)
    return [states, last, grad_preactivations, *(grad for grad in gradients if grad is not None)]


@given(
    T=st.integers(1, 9),
    B=st.integers(1, 9),
    I=st.integers(1, 40),
    H=st.integers(1, 70) | st.sampled_from([150, 1024]),
    threads=st.integers(2, 4),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    data=st.data(),
)
def test_the_number_of_threads_changes_no_bit(T, B, I, H, threads, dtype, data) -> None:  # noqa: E741
    options = data.draw(options_of(T, B))
    alone = computed(CompiledLayer(threads=1), T, B, I, H, dtype, options)
    shared = computed(CompiledLayer(threads), T, B, I, H, dtype, options)
    for a, b in zip(alone, shared, strict=True):
        assert torch.equal(a, b)


def test_layers_in_several_threads_do_not_wait_for_each_other_forever() -> None:
    sizes = [(9, B, 5, H, torch.float32) for B in (1, 3) for H in (40, 70)]
    right = [computed(CompiledLayer(threads=1), *size) for size in sizes]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            futures = [pool.submit(computed, CompiledLayer(threads=3), *size) for size in sizes]
            for future, expected in zip(futures, right, strict=True):
                got = future.result(timeout=60)
                assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


def _in_child(queue) -> None:
    queue.put(computed(CompiledLayer(threads=2), 5, 4, 3, 20, torch.float32)[0].sum().item())


def test_a_forked_child_gets_threads_of_its_own() -> None:
    here = computed(CompiledLayer(threads=2), 5, 4, 3, 20, torch.float32)[0].sum().item()
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert queue.get() == here


def test_a_part_that_never_runs_is_not_waited_for() -> None:
    seen = []

    def run(steps: np.ndarray, thread: int, threads: int) -> None:
        if thread == 0:
            raise KeyboardInterrupt
        while steps[0] < 1:
            pass
        seen.append((steps[0], thread, threads))

    with pytest.raises(KeyboardInterrupt):
        run_with_barrier(run, 2)
    run_in_threads(lambda thread, threads: None, 2)  # after which the one before has ended
    assert seen == [(GIVEN_UP, 1, 2)]
    assert APART * 8 >= 64

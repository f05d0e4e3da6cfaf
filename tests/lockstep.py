"""The reference with lanes, and how far the fast engine may be from it."""

import numpy as np

from reference import Parameters, backward_lanes, forward


def differentiate_lanes(
    parameters: Parameters,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_state: np.ndarray,
    clip: float | None,
) -> tuple[float, Parameters]:
    """Sum each step's contributions over the lanes, then clip: (T, B) indices, (H, B) state."""
    traces = [
        forward(parameters, inputs[:, b], targets[:, b], initial_state[:, b : b + 1])
        for b in range(inputs.shape[1])
    ]
    gradients = backward_lanes(parameters, traces, clip)
    return float(sum(trace.loss for trace in traces)), gradients


def assert_close(*, got, expected, relative: float, rounding=(0.0,) * 5) -> None:
    """Compare five arrays or tensors, each relative to its largest entry.

    `rounding` is what each may be off in any case.
    """
    __tracebackhide__ = True
    names = ("Whx", "Wha", "Wya", "bh", "by")
    for name, a, b, off in zip(names, got, expected, rounding, strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        assert a.shape == b.shape, f"{name}: {a.shape}, expected {b.shape}"
        worst, scale = np.abs(a - b).max(), np.abs(b).max()
        assert worst <= relative * scale + off, (
            f"{name} is {worst:.3g} off, {worst / scale if scale else np.inf:.3g} of its largest "
            f"entry {scale:.3g}; at most {relative:.3g} of it and {off:.3g} are allowed"
        )


def magnitudes(
    parameters: Parameters, inputs: np.ndarray, targets: np.ndarray, initial_state: np.ndarray
) -> list[float]:
    """Return how large each gradient's largest entry would be if nothing in it cancelled.

    A rounding error is relative to this, not to what is left after cancellation.
    """
    Wha, Wya = np.abs(parameters.Wha), np.abs(parameters.Wya)
    total = np.zeros(5)
    for b in range(inputs.shape[1]):
        trace = forward(parameters, inputs[:, b], targets[:, b], initial_state[:, b : b + 1])
        signal = np.zeros_like(parameters.bh)
        for t in reversed(range(len(inputs))):
            dz = np.abs(trace.probabilities[t])
            dz[targets[t, b]] = 1.0
            signal = Wya.T @ dz + Wha.T @ signal
            largest = signal.max()
            state = np.abs(trace.states[t]).max(), np.abs(trace.states[t + 1]).max()
            total += (largest, largest * state[0], state[1], largest, 1.0)
    return total.tolist()

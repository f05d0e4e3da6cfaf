"""Which line of a forward pass is wrong? Each is judged by this pass's own values before it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .grade import Hint, NotReturned
from .windows import UNFILLED, Probe, called, probes, same

STEPS = 3
MISSING = "The forward pass must return three things: states, probabilities, losses; "


def hints_for_forward(forward: Callable[..., Any]) -> list[Hint]:
    """Return hints for a forward pass; none if it is right here.

    Raises NotReturned where it returns something else.
    """
    drawn = probes(STEPS)
    answers = [_called(forward, probe) for probe in drawn]
    for line, candidates, text in LINES:
        expected, computed = [], []
        for probe, (states, chances, losses) in zip(drawn, answers, strict=True):
            for t in range(STEPS):
                values = {"a": states[t + 1], "p": chances[t], "loss": losses[t]}
                computed.append(values[line])
                expected.append(
                    {name: make(probe, t, states, chances) for name, make in candidates.items()}
                )
        fitting = [
            name
            for name in candidates
            if all(same(a, b[name]) for a, b in zip(computed, expected, strict=True))
        ]
        if "" in fitting:
            continue
        way = fitting[0] if fitting else "unknown"
        return [Hint(line, way, f"{text}: {WAYS.get(way, UNKNOWN)}")]
    return []


UNKNOWN = "it is wrong, in a way that this grader has no name for."


def _called(forward: Callable[..., Any], probe: Probe) -> tuple:
    trace, T = probe.trace, probe.T
    returned = called(
        forward,
        probe.parameters.copy(),
        trace.inputs.copy(),
        trace.targets.copy(),
        trace.states[0].copy(),
    )
    try:
        states, chances, losses = ([np.asarray(one) for one in part] for part in returned)
    except (TypeError, ValueError) as error:
        raise NotReturned(f"{MISSING}got {type(returned).__name__}.") from error
    if any(
        value[()] is ... for part in (states, chances, losses) for value in part if not value.ndim
    ):
        raise NotReturned(f"{UNFILLED}: it returns `...`.")
    H, V = probe.parameters.Whx.shape
    for name, values, count, shape in (
        ("states", states, T + 1, (H, 1)),
        ("probabilities", chances, T, (V, 1)),
        ("losses", losses, T, ()),
    ):
        if len(values) != count:
            raise NotReturned(
                f"There must be {count} {name} for {T} characters, got {len(values)}."
            )
        for value in values:
            if value.shape != shape:
                raise NotReturned(f"{name} must be of shape {shape} each, got {value.shape}.")
    if not same(states[0], trace.states[0]):
        raise NotReturned("The first of the states must be the initial state, as it was given.")
    return states, chances, losses


def _softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum()


def _h(probe: Probe, t: int, state: np.ndarray) -> np.ndarray:
    Whx, Wha, _, bh, _ = probe.parameters
    return Wha @ state + Whx[:, [int(probe.trace.inputs[t])]] + bh


def _without(probe: Probe, t: int, state: np.ndarray, name: str) -> np.ndarray:
    Whx, Wha, _, bh, _ = probe.parameters
    x, y = int(probe.trace.inputs[t]), int(probe.trace.targets[t])
    terms = {"state": Wha @ state, "input": Whx[:, [x]], "bias": bh}
    if name == "target":
        return terms["state"] + Whx[:, [y]] + bh
    return np.sum([value for key, value in terms.items() if key != name], axis=0)


def _z(probe: Probe, a: np.ndarray) -> np.ndarray:
    return probe.parameters.Wya @ a + probe.parameters.by


LINES: list[tuple[str, dict[str, Callable[..., Any]], str]] = [
    (
        "a",
        {
            "": lambda q, t, a, p: np.tanh(_h(q, t, a[t])),
            "no tanh": lambda q, t, a, p: _h(q, t, a[t]),
            "sigmoid": lambda q, t, a, p: 1 / (1 + np.exp(-_h(q, t, a[t]))),
            "Wha transposed": lambda q, t, a, p: np.tanh(
                _h(q, t, a[t]) + (q.parameters.Wha.T - q.parameters.Wha) @ a[t]
            ),
            "initial state in each step": lambda q, t, a, p: np.tanh(_h(q, t, a[0])),
            "no state": lambda q, t, a, p: np.tanh(_without(q, t, a[t], "state")),
            "no input": lambda q, t, a, p: np.tanh(_without(q, t, a[t], "input")),
            "no bias": lambda q, t, a, p: np.tanh(_without(q, t, a[t], "bias")),
            "target for input": lambda q, t, a, p: np.tanh(_without(q, t, a[t], "target")),
        },
        "The hidden state, a = tanh(Wha @ state + Whx[:, x] + bh)",
    ),
    (
        "p",
        {
            "": lambda q, t, a, p: _softmax(_z(q, a[t + 1])),
            "state before": lambda q, t, a, p: _softmax(_z(q, a[t])),
            "no output bias": lambda q, t, a, p: _softmax(_z(q, a[t + 1]) - q.parameters.by),
            "not normalised": lambda q, t, a, p: np.exp(_z(q, a[t + 1])),
            "logits": lambda q, t, a, p: _z(q, a[t + 1]),
            "log": lambda q, t, a, p: np.log(_softmax(_z(q, a[t + 1]))),
            "sigmoid": lambda q, t, a, p: 1 / (1 + np.exp(-_z(q, a[t + 1]))),
        },
        "The probabilities, p = softmax(Wya @ a + by)",
    ),
    (
        "loss",
        {
            "": lambda q, t, a, p: -np.log(p[t][q.trace.targets[t], 0]),
            "sign": lambda q, t, a, p: np.log(p[t][q.trace.targets[t], 0]),
            "input for target": lambda q, t, a, p: -np.log(p[t][q.trace.inputs[t], 0]),
            "bits": lambda q, t, a, p: -np.log2(p[t][q.trace.targets[t], 0]),
            "no log": lambda q, t, a, p: -p[t][q.trace.targets[t], 0],
            "one minus p": lambda q, t, a, p: 1 - p[t][q.trace.targets[t], 0],
            "all symbols": lambda q, t, a, p: -np.log(p[t]).sum(),
            "divided by T": lambda q, t, a, p: -np.log(p[t][q.trace.targets[t], 0]) / STEPS,
        },
        "The loss, −log p[y]",
    ),
]

WAYS = {
    "no tanh": "tanh is missing.",
    "sigmoid": "it is a sigmoid.",
    "Wha transposed": "Wha is transposed.",
    "initial state in each step": "every step starts from the initial state: carry on the new one.",
    "no state": "the term Wha @ state is missing.",
    "no input": "the term Whx[:, x] is missing.",
    "no bias": "bh is missing.",
    "target for input": "it takes the column of the target, not of the input.",
    "state before": "the logits are made from the state before the step, not from the new one.",
    "no output bias": "by is missing.",
    "not normalised": "the exponentials aren't divided by their sum.",
    "logits": "these are the logits: softmax is missing.",
    "log": "these are the logarithms of the probabilities.",
    "sign": "it has the wrong sign.",
    "input for target": "it takes the probability of the input, not of the target.",
    "bits": "it is in bits; here it is in nats (natural logarithm).",
    "no log": "the logarithm is missing.",
    "one minus p": "it is 1 − p[y].",
    "all symbols": "it adds over all symbols; only the target's counts.",
    "divided by T": "it is divided by T: the window's loss is a sum.",
}

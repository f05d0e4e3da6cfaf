"""Small windows on which a reader's backward pass is evaluated, and what it returned there.

The windows are chosen so that each quantity inside the backward pass can be read off the gradients:
where all inputs differ, column x_t of dWhx is dh_t, and where there are at least as many units as
steps, the states are independent, and dWya and dWha can be solved for dz_t and dh_t.

V symbols, H hidden units, T characters in a window.
"""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

import reference
from reference import Gradients, Parameters, Trace

from .grade import NotReturned

SIZES = {"V": 7, "H": 5}
SEEDS = 3
UNFILLED = "The cell isn't filled in yet"
NEAR = 1e-11  # relative to the largest entry: the windows are small and well-conditioned


@dataclass(frozen=True)
class Probe:
    """A window, the gradient with respect to its final state, and what each line should give.

    The lists have an entry for each step: `dz`, `da`, `dh` are the lines' values.
    """

    parameters: Parameters
    trace: Trace
    da_next: np.ndarray
    dz: list[np.ndarray]
    da: list[np.ndarray]
    dh: list[np.ndarray]

    @property
    def T(self) -> int:  # noqa: N802 - as everywhere
        return len(self.trace.inputs)

    def before(self, t: int) -> np.ndarray:
        return self.trace.states[t]

    def after(self, t: int) -> np.ndarray:
        return self.trace.states[t + 1]

    def one_hot(self, index: int) -> np.ndarray:
        return np.eye(len(self.parameters.by))[:, [index]]

    def contributions(self) -> list[Gradients]:
        """Return what each step adds to the five gradients, from the first step to the last."""
        return [
            Gradients(
                dh @ self.one_hot(int(x)).T,
                dh @ self.before(t).T,
                dz @ self.after(t).T,
                dh,
                dz,
            )
            for t, (x, dz, dh) in enumerate(zip(self.trace.inputs, self.dz, self.dh, strict=True))
        ]


@dataclass(frozen=True)
class Answer:
    """What a reader's backward pass returned for a probe: five gradients, and one more.

    `da_first` is the gradient with respect to the initial state.
    """

    gradients: Gradients
    da_first: np.ndarray


def probes(T: int, inputs: Sequence[int] | None = None, scale: float = 0.7) -> list[Probe]:
    """Draw windows of T steps with different inputs and targets, or with the given inputs."""
    return [_probe(T, inputs, np.random.default_rng(seed), scale) for seed in range(SEEDS)]


def _probe(T: int, inputs: Sequence[int] | None, rng: np.random.Generator, scale: float) -> Probe:
    V, H = SIZES["V"], SIZES["H"]
    shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    parameters = Parameters(*(scale * rng.standard_normal(shape) for shape in shapes))
    symbols = rng.permutation(V)
    xs = symbols[:T] if inputs is None else np.array(inputs)
    others = np.array([symbol for symbol in symbols if symbol not in xs])
    ys = others[np.arange(T) % len(others)]
    trace = reference.forward(parameters, xs, ys, rng.uniform(-0.9, 0.9, (H, 1)))
    da_next = rng.standard_normal((H, 1))
    return _with_lines(parameters, trace, da_next)


def _with_lines(parameters: Parameters, trace: Trace, da_next: np.ndarray) -> Probe:
    """Evaluate each line of the backward pass, by the formulas, and keep its value."""
    lines: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    back = da_next
    for t in reversed(range(len(trace.inputs))):
        dz = trace.probabilities[t] - np.eye(len(parameters.by))[:, [trace.targets[t]]]
        da = parameters.Wya.T @ dz + back
        dh = (1.0 - trace.states[t + 1] ** 2) * da
        back = parameters.Wha.T @ dh
        lines.insert(0, (dz, da, dh))
    dzs, das, dhs = (list(values) for values in zip(*lines, strict=True))
    return Probe(parameters, trace, da_next, dzs, das, dhs)


def answer(function: Callable[..., Any], probe: Probe, *clip: float) -> Answer:
    """Call a reader's backward pass with copies. Raises NotReturned for what is no answer."""
    parameters, trace = probe.parameters.copy(), copied(probe.trace)
    returned = called(function, parameters, trace, probe.da_next.copy(), *clip)
    for name, given, kept in (
        ("parameters", [*parameters], [*probe.parameters]),
        ("trace", [*values(trace)], [*values(probe.trace)]),
    ):
        if not all(np.array_equal(one, other) for one, other in zip(given, kept, strict=True)):
            raise NotReturned(
                f"The cell changed the {name} it was given: work on copies (`p.copy()`)."
            )
    return checked(returned, probe.parameters)


def called(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a reader's function. Raises NotReturned with its error and the line that raised it."""
    try:
        return function(*arguments)
    except Exception as error:
        lines = traceback.extract_tb(error.__traceback__)[1:]
        where = f" in line {lines[0].lineno} of the cell" if lines else ""
        if lines and lines[0].line:
            where += f", `{lines[0].line}`"
            if "..." in lines[0].line:
                raise NotReturned(f"{UNFILLED}: `{lines[0].line}`.") from error
        raise NotReturned(f"{type(error).__name__}{where}: {error}.") from error


def copied(trace: Trace) -> Trace:
    return Trace(*(value.copy() for value in values(trace)))


def values(trace: Trace) -> list[np.ndarray]:
    return [getattr(trace, field.name) for field in fields(trace)]


def checked(returned: Any, parameters: Parameters) -> Answer:
    """Take what a backward pass returned apart. Raises NotReturned where that isn't possible."""
    try:
        gradients, da_first = returned
        named = zip(("dWhx", "dWha", "dWya", "dbh", "dby"), gradients, strict=True)
        arrays = {name: np.asarray(value) for name, value in named}
    except (TypeError, ValueError) as error:
        raise NotReturned(
            "The cell must return two things, the five gradients (Whx, Wha, Wya, bh, by) and the "
            f"gradient with respect to the initial state; got {_kind(returned)}"
        ) from error
    arrays["da_next"] = np.asarray(da_first)
    for (name, value), like in zip(arrays.items(), (*parameters, parameters.bh), strict=True):
        if value.shape != like.shape or value.dtype.kind != "f":
            raise NotReturned(
                f"{name} must be of shape {like.shape} and floating, "
                f"got {value.shape} of {value.dtype}."
            )
    *five, da_first = arrays.values()
    return Answer(Gradients(*five), da_first)


def _kind(returned: Any) -> str:
    if returned is None:
        return "None: is the `return` missing, or the cell not yet filled in?"
    if returned is Ellipsis:
        return f"`...`. {UNFILLED}."
    return f"a {type(returned).__name__}."


def same(computed: np.ndarray, expected: np.ndarray) -> bool:
    """Compare two arrays up to rounding, relative to the largest entry of the expected one."""
    if not np.isfinite(computed).all():
        return False
    largest = np.abs(expected).max(initial=0.0)
    return bool(np.abs(computed - expected).max(initial=0.0) <= NEAR * max(largest, 1e-3))

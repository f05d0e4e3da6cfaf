"""Drawn networks and windows: small, and as unkind as they may be.

A case is drawn as sizes, a seed and a few choices, so that it shrinks to something readable and
its arrays are full of different numbers.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from hypothesis import strategies as st

from reference import Parameters, Trace, forward


@dataclass(frozen=True)
class Case:
    """A network and a window for it, made from what was drawn."""

    V: int
    H: int
    T: int
    seed: int
    scale: float
    clip: float | None
    input_pattern: str
    state_pattern: str

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])

    @cached_property
    def parameters(self) -> Parameters:
        V, H, rng = self.V, self.H, self._rng(0)
        shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
        return Parameters(*(rng.standard_normal(shape) * self.scale for shape in shapes))

    @cached_property
    def inputs(self) -> np.ndarray:
        rng = self._rng(1)
        match self.input_pattern:
            case "random":
                return rng.integers(self.V, size=self.T)
            case "one symbol":
                return np.full(self.T, rng.integers(self.V))
            case "all different":
                return np.resize(rng.permutation(self.V), self.T)
            case unknown:
                raise AssertionError(unknown)

    @cached_property
    def targets(self) -> np.ndarray:
        return self._rng(2).integers(self.V, size=self.T)

    @cached_property
    def state(self) -> np.ndarray:
        rng, shape = self._rng(3), (self.H, 1)
        match self.state_pattern:
            case "zero":
                return np.zeros(shape)
            case "random":
                return rng.uniform(-1, 1, shape)
            case "saturated":
                return rng.choice([-1.0, 1.0], shape)
            case unknown:
                raise AssertionError(unknown)

    def in_float32(self) -> "Case":
        """The same case with every number rounded to one that float32 holds."""
        values = (value.astype(np.float32).astype(np.float64) for value in self.parameters)
        state = self.state.astype(np.float32).astype(np.float64)
        return self.with_numbers(Parameters(*values), self.inputs, self.targets, state)

    def with_numbers(
        self, parameters: Parameters, inputs: np.ndarray, targets: np.ndarray, state: np.ndarray
    ) -> "Case":
        """The case with these numbers in the place of its drawn ones."""
        other = Case(**{field.name: getattr(self, field.name) for field in fields(self)})
        # What a cached property has computed stands in the instance's dictionary.
        other.__dict__.update(parameters=parameters, inputs=inputs, targets=targets, state=state)
        return other

    @cached_property
    def final_cotangent(self) -> np.ndarray:
        return self._rng(4).integers(-3, 4, (self.H, 1)).astype(np.float64)

    @property
    def softmax_overflows(self) -> bool:
        """Whether the reference, which shifts no logits, might leave the numbers."""
        largest = np.abs(self.parameters.Wya).sum(axis=1) + np.abs(self.parameters.by[:, 0])
        return bool(largest.max() > 700)

    def forward(self) -> Trace:
        return forward(self.parameters, self.inputs, self.targets, self.state)


def cases(max_size: int = 6, max_scale: float = 30.0) -> st.SearchStrategy[Case]:
    """Draw networks of up to max_size in V, H and T, weights from tiny to saturating."""
    size = st.integers(1, max_size)
    scales = [scale for scale in (1e-8, 1e-2, 0.3, 1.0, 5.0, 30.0) if scale <= max_scale]
    return st.builds(
        Case,
        V=size,
        H=size,
        T=size,
        seed=st.integers(0, 2**32 - 1),
        scale=st.sampled_from(scales),
        clip=st.sampled_from([None, 5.0, 0.5, 1e-3, 0.0]),
        input_pattern=st.sampled_from(["random", "one symbol", "all different"]),
        state_pattern=st.sampled_from(["zero", "random", "saturated"]),
    )


def lanes(
    max_lanes: int = 4, max_size: int = 6, max_scale: float = 30.0
) -> st.SearchStrategy[list[Case]]:
    """Draw a network and windows of one length for it, each with symbols and a state of its own."""
    patterns = st.tuples(
        st.sampled_from(["random", "one symbol", "all different"]),
        st.sampled_from(["zero", "random", "saturated"]),
    )
    others = st.lists(patterns, max_size=max_lanes - 1)
    return st.builds(_side_by_side, cases(max_size, max_scale), others)


def _side_by_side(first: Case, others: list[tuple[str, str]]) -> list[Case]:
    made = [first]
    for lane, (input_pattern, state_pattern) in enumerate(others, start=1):
        seed = first.seed + lane
        own = replace(first, seed=seed, input_pattern=input_pattern, state_pattern=state_pattern)
        made.append(own.with_numbers(first.parameters, own.inputs, own.targets, own.state))
    return made

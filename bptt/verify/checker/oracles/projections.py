"""Compare a parameter's gradient along random directions, at a cost independent of its size."""

import time
from collections.abc import Iterator

import numpy as np

from .choice import Oracle
from .digits import Known, known

PROJECTIONS = 3  # of a parameter, or of each half in the search for an entry
TRIALS = 2  # of the search for the entry with the largest error
TOO_VAGUE = 1e-3  # an oracle with a larger error, relative to the largest entry, decides nothing


class Projections:
    """Random projections of one parameter's gradient, compared with an oracle's derivatives.

    `computed` is the gradient to verify. `allowed` is the permitted error of an entry, relative
    to the largest; for a projection of n entries it grows with the square root of n. `seconds` is
    the duration of the last call of the oracle.
    """

    def __init__(
        self,
        name: str,
        computed: np.ndarray,
        oracle: Oracle,
        allowed: float,
        rng: np.random.Generator,
    ) -> None:
        self.name, self.computed, self.oracle, self.rng = name, computed, oracle, rng
        self.size = float(np.abs(computed).max(initial=0.0, where=np.isfinite(computed)))
        self.allowed = max(allowed * self.size, 1e-200)  # positive, as a divisor
        self.seconds = 0.0

    def known_if_right(self, dtype: str) -> Known | None:
        """Return the fewest known digits of the projections, None if one of them disagrees."""
        fewest, size = None, self.size * self.computed.size**0.5
        for direction in self._signs(np.arange(self.computed.size)):
            off, allowed, error = self._off(direction)
            if not off <= allowed or error > TOO_VAGUE * self.size:
                return None
            seen = known(off, error, size, self.oracle, dtype)
            fewest = seen if fewest is None or seen.digits < fewest.digits else fewest
        return fewest

    def within(self, noise: float) -> bool:
        """Whether errors of this size in the entries explain the errors of the projections."""
        more = 1.0 + noise / self.allowed
        return self._excess(np.arange(self.computed.size)) <= more

    def wrong_entry(self) -> tuple[int, ...]:
        """Return the index of the entry that seems to have the largest error.

        The entries are bisected, and the half with the larger error is bisected again: a few dozen
        derivatives find one wrong entry, where finding all would take thousands.
        """
        best, furthest = 0, -1.0
        for _ in range(TRIALS):
            among = np.arange(self.computed.size)
            while len(among) > 1:
                former, latter = np.array_split(among, 2)
                among = latter if self._excess(latter) > self._excess(former) else former
            off = self._excess(among)
            if off > furthest:
                best, furthest = int(among[0]), off
        return _place(best, self.computed.shape)

    def _signs(self, among: np.ndarray) -> Iterator[np.ndarray]:
        for _ in range(PROJECTIONS if len(among) > 1 else 1):
            direction = np.zeros(self.computed.size)
            # Unequal magnitudes, since some functions are constant along equal ones.
            magnitudes = self.rng.uniform(0.5, 1.0, len(among))
            direction[among] = magnitudes * self.rng.choice([-1.0, 1.0], len(among))
            yield direction.reshape(self.computed.shape)

    def _excess(self, among: np.ndarray) -> float:
        """Return the error of projections of these entries, as a multiple of the allowed one."""
        found = [off / allowed for off, allowed, _ in map(self._off, self._signs(among))]
        return max(ratio if np.isfinite(ratio) else np.inf for ratio in found)

    def _off(self, direction: np.ndarray) -> tuple[float, float, float]:
        """Return the error along a direction, the allowed error, and the oracle's own error."""
        begun = time.monotonic()
        expected, error = self.oracle.slope({self.name: direction})
        self.seconds = time.monotonic() - begun
        off = abs(float(np.sum(direction * self.computed)) - expected)
        return off, self.allowed * float(np.sqrt(np.count_nonzero(direction))) + 4.0 * error, error


def first_place(where: np.ndarray) -> tuple[int, ...]:
    """Return the index of the first entry that is True."""
    return _place(int(np.argmax(where)), where.shape)


def _place(number: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(number, shape))

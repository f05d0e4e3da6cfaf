"""A parameter compared along random directions: that costs the same for any number of entries."""

import time
from collections.abc import Iterator

import numpy as np

from .choice import Oracle
from .digits import Known, known

PROJECTIONS = 3  # of a parameter, or of each part of it while an entry is looked for
TRIALS = 2  # to find the entry that is furthest off
TOO_VAGUE = 1e-3  # an oracle that only knows so much of the largest entry decides nothing


class Projections:
    """One parameter's hand-written gradient, and what an oracle says along signs.

    `allowed` is what an entry may be off, in units of the largest; the square root of as many
    entries as are added may be off so often. `seconds` is what the last slope took.
    """

    def __init__(
        self, name: str, mine: np.ndarray, oracle: Oracle, allowed: float, rng: np.random.Generator
    ) -> None:
        self.name, self.mine, self.oracle, self.rng = name, mine, oracle, rng
        self.size = float(np.abs(mine).max(initial=0.0, where=np.isfinite(mine)))
        self.allowed = max(allowed * self.size, 1e-200)  # something may be divided by it
        self.seconds = 0.0

    def known_if_right(self, dtype: str) -> Known | None:
        """Return the fewest digits known to be right, or None as soon as a projection is off."""
        fewest, size = None, self.size * self.mine.size**0.5
        for direction in self._signs(np.arange(self.mine.size)):
            off, allowed, error = self._off(direction)
            if not off <= allowed or error > TOO_VAGUE * self.size:
                return None
            seen = known(off, error, size, self.oracle, dtype)
            fewest = seen if fewest is None or seen.digits < fewest.digits else fewest
        return fewest

    def within(self, noise: float) -> bool:
        """Whether entries' errors of this size explain how far the projections are off."""
        more = 1.0 + noise / self.allowed
        return self._excess(np.arange(self.mine.size)) <= more

    def wrong_entry(self) -> tuple[int, ...]:
        """Return the place of the entry that seems furthest off.

        The entries are halved, and the half that is further off is gone on with: a few dozen slopes
        find one wrong entry where thousands would find all.
        """
        best, furthest = 0, -1.0
        for _ in range(TRIALS):
            among = np.arange(self.mine.size)
            while len(among) > 1:
                former, latter = np.array_split(among, 2)
                among = latter if self._excess(latter) > self._excess(former) else former
            off = self._excess(among)
            if off > furthest:
                best, furthest = int(among[0]), off
        return _place(best, self.mine.shape)

    def _signs(self, among: np.ndarray) -> Iterator[np.ndarray]:
        for _ in range(PROJECTIONS if len(among) > 1 else 1):
            direction = np.zeros(self.mine.size)
            # Of unequal magnitudes, as some functions are still where equal ones cancel.
            magnitudes = self.rng.uniform(0.5, 1.0, len(among))
            direction[among] = magnitudes * self.rng.choice([-1.0, 1.0], len(among))
            yield direction.reshape(self.mine.shape)

    def _excess(self, among: np.ndarray) -> float:
        """Return how far off these entries are, in units of what they may be."""
        found = [off / allowed for off, allowed, _ in map(self._off, self._signs(among))]
        return max(ratio if np.isfinite(ratio) else np.inf for ratio in found)

    def _off(self, direction: np.ndarray) -> tuple[float, float, float]:
        """Return how far mine is off along a direction, how far it may be, the oracle's error."""
        begun = time.monotonic()
        true, error = self.oracle.slope({self.name: direction})
        self.seconds = time.monotonic() - begun
        off = abs(float(np.sum(direction * self.mine)) - true)
        return off, self.allowed * float(np.sqrt(np.count_nonzero(direction))) + 4.0 * error, error


def first_place(where: np.ndarray) -> tuple[int, ...]:
    """Return the place of the first true entry."""
    return _place(int(np.argmax(where)), where.shape)


def _place(number: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.unravel_index(number, shape))

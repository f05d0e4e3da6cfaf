"""A model of the time of training in several processes: communication plus arithmetic.

V symbols, H hidden units, T characters per window, B lanes (parallel streams), R processes. It is
derived in docs/parallel.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The sizes of a training; `item` is the number of bytes per number."""

    H: int
    V: int
    T: int
    B: int
    item: int

    @property
    def products(self) -> int:
        """The floating-point operations of a window's matrix products, two per term."""
        return 6 * self.T * self.B * self.H * (self.H + self.V)

    def bytes_received(self, running_clip: bool, R: int) -> float:
        """Return the bytes that each process receives from the others per iteration."""
        H, V = self.H, self.V
        if running_clip:
            signals = self.T * self.B * (2 * H + V)
            return (R - 1) / R * self.item * (signals + H * (H + V))
        return 2 * (R - 1) / R * self.item * (H * H + 2 * H * V + 2 * H * self.B)

    def seconds(
        self, R: int, running_clip: bool, operations: float, bandwidth: float, latency: float
    ) -> float:
        """Return the seconds of an iteration in R processes.

        `operations` is the operations per second of one process, `bandwidth` is in bytes per
        second, `latency` in seconds per iteration.
        """
        computing = self.products / operations / R
        if R == 1:
            return computing
        return computing + self.bytes_received(running_clip, R) / bandwidth + latency


def least_lanes_times_steps(item: int, operations: float, bandwidth: float) -> float:
    """Return the least T B for which a second process pays off without a running clip.

    Valid for H far above V.
    """
    return item * operations / (3 * bandwidth)


def least_hidden_size(item: int, operations: float, bandwidth: float) -> float:
    """Return the least H for which a second process pays off with a running clip.

    Valid for T B and H far above V.
    """
    return item * operations / (3 * bandwidth)

"""A model of training in several processes: bytes over the wire against arithmetic.

V symbols, H hidden units, T characters a window, B lanes, R processes. docs/parallel.md derives it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """`item` is the bytes of a number."""

    H: int
    V: int
    T: int
    B: int
    item: int

    @property
    def products(self) -> int:
        """Floating-point operations of a window, two for each term of its matrix products."""
        return 6 * self.T * self.B * self.H * (self.H + self.V)

    def bytes_received(self, running_clip: bool, R: int) -> float:
        """What each process gets from the others in an iteration."""
        H, V = self.H, self.V
        if running_clip:
            signals = self.T * self.B * (2 * H + V)
            return (R - 1) / R * self.item * (signals + H * (H + V))
        return 2 * (R - 1) / R * self.item * (H * H + 2 * H * V + 2 * H * self.B)

    def seconds(
        self, R: int, running_clip: bool, operations: float, bandwidth: float, latency: float
    ) -> float:
        """Of an iteration in R processes.

        `operations` a second of one process, `bandwidth` in bytes a second, `latency` in seconds
        an iteration.
        """
        computing = self.products / operations / R
        if R == 1:
            return computing
        return computing + self.bytes_received(running_clip, R) / bandwidth + latency


def least_lanes_times_steps(item: int, operations: float, bandwidth: float) -> float:
    """Without a running clip: the T B from which a second process pays, for H far above V."""
    return item * operations / (3 * bandwidth)


def least_hidden_size(item: int, operations: float, bandwidth: float) -> float:
    """With a running clip: the H from which it pays, for T B and H far above V."""
    return item * operations / (3 * bandwidth)

"""The masks of dropout, as docs/same-bits.md states them, in NumPy's whole numbers."""

from collections.abc import Sequence

import numpy as np

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
MODULUS = 2**32


def threefry(key: Sequence, counter: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Threefry-2x32-20 (Salmon et al., 2011); keys and counters are two numbers or arrays each."""
    keys = [np.asarray(word, np.uint64) % MODULUS for word in key]
    keys.append(keys[0] ^ keys[1] ^ np.uint64(0x1BD11BDA))
    x, y = ((np.asarray(c, np.uint64) + k) % MODULUS for c, k in zip(counter, keys, strict=False))
    for turn in range(20):
        x = (x + y) % MODULUS
        digits = ROTATIONS[turn % 8]
        y = ((y << np.uint64(digits)) | (y >> np.uint64(32 - digits))) % MODULUS ^ x
        if turn % 4 == 3:
            n = turn // 4 + 1
            x = (x + keys[n % 3]) % MODULUS
            y = (y + keys[(n + 1) % 3] + np.uint64(n)) % MODULUS
    return x, y


def mask(
    seed: int, iteration: int, lanes: Sequence[int], steps: Sequence[int], H: int, rate: float
) -> np.ndarray:
    """The masks (steps, H, lanes) after some steps, counted from 1; 0 is the recurrent one."""
    row_key = threefry((seed, iteration), np.meshgrid(lanes, steps))
    units = np.arange(H)
    counters = units // 32 * 16 + units % 16
    key = [word[:, np.newaxis, :] for word in row_key]
    words = threefry(key, (counters[:, np.newaxis], 0))
    word = np.where((units // 16 % 2 == 0)[:, np.newaxis], *words)
    return np.where(word < int(rate * MODULUS), 0.0, 1.0 / (1.0 - rate))


def masks(
    seed: int, iteration: int, T: int, B: int, H: int, output: float, recurrent: float
) -> tuple[np.ndarray, np.ndarray]:
    """The output's masks (T, H, B) and the recurrent ones (H, B) of a window."""
    of_outputs = mask(seed, iteration, range(B), range(1, T + 1), H, output)
    return of_outputs, mask(seed, iteration, range(B), [0], H, recurrent)[0]

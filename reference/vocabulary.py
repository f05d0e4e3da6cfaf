"""Text to indices, indices to one-hot vectors, and back.

V symbols, N characters of text.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped


class Vocabulary:
    """The symbols a network knows; a symbol's place in the order is its index."""

    def __init__(self, symbols: Sequence[str]) -> None:
        """Keep the given order.

        Raises ValueError when there are no symbols, when one is not a single character, or when
        one stands twice.
        """
        self.symbols = tuple(symbols)
        self._index: dict[str, int] = {}
        if not self.symbols:
            raise ValueError("a vocabulary needs at least one symbol, got none")
        for index, symbol in enumerate(self.symbols):
            if len(symbol) != 1:
                raise ValueError(f"symbols must be single characters, got {symbol!r} at {index}")
            if symbol in self._index:
                raise ValueError(f"symbols must differ, got {symbol!r} at {index} again")
            self._index[symbol] = index

    @classmethod
    def from_text(cls, text: Iterable[str]) -> "Vocabulary":
        """Take every character of the text once, in the order of the code points."""
        return cls(sorted(set(text)))

    def __len__(self) -> int:
        return len(self.symbols)

    def __repr__(self) -> str:
        return f"Vocabulary({''.join(self.symbols)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.symbols == other.symbols

    def __hash__(self) -> int:
        return hash(self.symbols)

    def encode(self, text: str) -> Int[np.ndarray, " N"]:
        """Raises ValueError that names every character which is not in the vocabulary."""
        missing = sorted(set(text) - self._index.keys())
        if missing:
            raise ValueError(
                f"{len(missing)} of the text's characters not in the vocabulary "
                f"of {len(self)}: {' '.join(map(repr, missing[:20]))}"
                f"{' …' if len(missing) > 20 else ''}, the first at position "
                f"{min(text.index(symbol) for symbol in missing)}"
            )
        return np.fromiter((self._index[symbol] for symbol in text), np.int64, len(text))

    def decode(self, indices: Int[np.ndarray, " N"]) -> str:
        return "".join(self.symbols[index] for index in indices)

    def encode_one_hot(self, text: str) -> Float[np.ndarray, "N V"]:
        """Give each character a row that is 1 in its own column and 0 elsewhere."""
        vectors = np.zeros((len(text), len(self)))
        vectors[np.arange(len(text)), self.encode(text)] = 1.0
        return vectors

    def decode_one_hot(self, vectors: Float[np.ndarray, "N V"]) -> str:
        """Read each row as the symbol of its largest entry, the first one where several tie."""
        return self.decode(np.argmax(vectors, axis=1))


def input_to_target(inputs: Shaped[np.ndarray, "N *rest"]) -> Shaped[np.ndarray, "M *rest"]:
    """Shift by one: the target of each character is the one after it; the last has none."""
    return inputs[1:]

"""A run's network in Python: its weights, its predictions for a text, and samples.

V symbols, H hidden units, N characters of text.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from reference import Parameters, Vocabulary, forward_step

from ..errors import InputError
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..training import sampling
from ..training.evaluation import Evaluation, evaluate, evaluate_windows

Weights = Literal["best", "final"]


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network, computed in float64 by the reference's own operations.

    Weights that a run has in float32 are widened, which is exact; so a float32 run's `bits` may
    differ from those of `bptt eval`, which computes in the run's dtype, in the eighth digit or so.

    `settings` are the run's (`settings.hidden_size`, `settings.corpus.name`), `iteration` is that
    of the weights and `digest` their SHA-256. `initial_state` (H, 1) is zero unless it was learned.

    A text is a str; for a run on bytes, bytes or a str that is read as UTF-8. A character that the
    network has no symbol for is an InputError that names it.

    >>> network = load_run("runs/novel")
    >>> state, logits = network.step(network.initial_state, "a")
    >>> logits.shape == (len(network.vocabulary),)
    True
    """

    weights: Parameters
    initial_state: Float[np.ndarray, "H 1"]
    vocabulary: Vocabulary
    settings: Config
    iteration: int
    digest: str

    def __repr__(self) -> str:
        H, V = self.weights.Whx.shape
        return (
            f"<TrainedNetwork of {H:,} hidden units over {V:,} symbols, "
            f"iteration {self.iteration:,} on {self.settings.corpus.name}>"
        )

    def encode(self, text: str | bytes) -> Int[np.ndarray, " N"]:
        """Return the symbols' indices. Raises InputError that names unknown characters."""
        if self.settings.corpus.units == "bytes":
            content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
            text = sampling.as_bytes(content, self.vocabulary)
        elif isinstance(text, bytes):
            raise InputError("the run is on characters, so its texts must be str, got bytes")
        try:
            return self.vocabulary.encode(text)
        except ValueError as error:
            raise InputError(f"the text can't be read: {error}") from error

    def step(
        self, state: Float[np.ndarray, "H 1"], symbol: str | bytes
    ) -> tuple[Float[np.ndarray, "H 1"], Float[np.ndarray, " V"]]:
        """Read a symbol in a state; return the next state and the logits of the symbol after it.

        The first state is `initial_state`. Raises InputError for a state of another shape and for
        what is not exactly one symbol.
        """
        indices = self.encode(symbol)
        if len(indices) != 1:
            raise InputError(f"a step reads one symbol, got {len(indices)}: {symbol!r}")
        if np.shape(state) != self.initial_state.shape:
            raise InputError(
                f"state must be of shape {self.initial_state.shape}, got {np.shape(state)}"
            )
        return self._step(np.asarray(state, np.float64), int(indices[0]))

    def logits(self, text: str | bytes) -> Float[np.ndarray, "N V"]:
        """Read a text from the initial state; row t has the logits of the character after text[t].

        Rows have the same bits as those of `step`.
        """
        indices, state = self.encode(text), self.initial_state
        rows = np.empty((len(indices), len(self.vocabulary)))
        for t, index in enumerate(indices.tolist()):
            state, rows[t] = self._step(state, index)
        return rows

    def sample(
        self,
        prime: str | bytes | None = None,
        *,
        length: int = 200,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 1,
    ) -> str:
        """Return the prime and `length` more characters, the same as `bptt sample`.

        Temperature 0 is greedy; above 0, characters are drawn, the same ones for the same seed,
        from the `top_k` most probable or from the fewest that reach probability `top_p`. Without a
        prime, the first character is drawn. Bytes are read as UTF-8, invalid ones become U+FFFD.

        Raises InputError for an empty prime, unknown characters, and values out of range.
        """
        for name, value, fits, expected in (
            ("length", length, length >= 0, "at least 0"),
            ("temperature", temperature, 0.0 <= temperature < math.inf, "0 or positive and finite"),
            ("top_k", top_k, top_k is None or top_k >= 1, "at least 1"),
            ("top_p", top_p, top_p is None or 0.0 < top_p <= 1.0, "above 0 and at most 1"),
            ("seed", seed, seed >= 0, "at least 0"),
        ):
            if not fits:
                raise InputError(f"{name} must be {expected}, got {value}")
        if temperature == 0.0 and (top_k is not None or top_p is not None):
            raise InputError("top_k and top_p draw, so they need a temperature above 0, got 0")
        start = None if prime is None else self.vocabulary.decode(self.encode(prime))
        choice = sampling.Choice(temperature=temperature, top_k=top_k, top_p=top_p)
        rng = np.random.default_rng(seed)
        pieces = sampling.write(
            self.weights, self.vocabulary, self.initial_state, start, length, choice, rng
        )
        return "".join(sampling.readable(pieces, self.settings.corpus.units))

    def bits(self, text: str | bytes, *, window: int | None = None) -> float:
        """Return the mean loss in bits per character, of all characters but the first.

        The text is read as one stream; with `window`, in windows of that many characters, each
        from the initial state, as by `bptt eval --windows`. Raises InputError if nothing can be
        scored.
        """
        return self._evaluation(text, window).bits_per_character

    def loss(self, text: str | bytes, *, window: int | None = None) -> float:
        """Return the same as `bits`, in nats per character."""
        return self._evaluation(text, window).nats_per_character

    def _evaluation(self, text: str | bytes, window: int | None) -> Evaluation:
        indices = self.encode(text)
        try:
            if window is None:
                return evaluate(self.weights, indices, self.initial_state)
            return evaluate_windows(self.weights, indices, self.initial_state, window=window)
        except (ValueError, FloatingPointError) as error:
            raise InputError(str(error)) from error

    def _step(
        self, state: Float[np.ndarray, "H 1"], index: int
    ) -> tuple[Float[np.ndarray, "H 1"], Float[np.ndarray, " V"]]:
        state, z = forward_step(self.weights, self.weights.Whx[:, index : index + 1], state)
        return state, z[:, 0]


def load_run(
    path: str | os.PathLike[str], *, weights: Weights = "best", allow_unfinished: bool = False
) -> TrainedNetwork:
    """Load the network of a run folder.

    `weights` are "best", those of the best validation (the final ones if there is none), or
    "final". `allow_unfinished` also loads a run that was interrupted or is still in training.

    Raises InputError (bptt.InputError) if there is no run, it isn't finished, or its files are
    damaged: every bit of the weights is covered by a checksum.

    >>> network = load_run("runs/novel", weights="final")
    >>> network.bits("Once upon a time")
    2.31
    """
    folder = RunFolder(Path(path))
    if weights not in ("best", "final"):
        raise InputError(f'weights must be "best" or "final", got {weights!r}')
    config = folder.read_config()
    if not allow_unfinished:
        folder.refuse_unfinished("load the weights it has: load_run(…, allow_unfinished=True)")
    model = folder.load_model(last=weights == "final")
    parameters, initial_state = model.in_float64()
    return TrainedNetwork(
        parameters,
        initial_state,
        Vocabulary(config.vocabulary),
        config,
        model.iteration,
        model.digest,
    )

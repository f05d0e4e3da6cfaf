"""A run's config.json: everything that is needed to repeat the run."""

import numpy as np
from pydantic import model_validator

from reference import Vocabulary

from ..settings import Settings
from ..text.records import CorpusRecord, Splits
from ..versions import Versions


class Config(Settings):
    """A run's settings, its texts, and the versions that compute it. Losses are in nats.

    `initial_weights` is the SHA-256 of the weights that the run started from, as by
    digests.of_weights in the run's dtype, if they are of another run (`init_from`).
    """

    corpus: CorpusRecord
    parts: Splits
    vocabulary: list[str]
    versions: Versions
    initial_weights: str | None = None

    @model_validator(mode="after")
    def _symbols_are_a_vocabulary(self) -> "Config":
        Vocabulary(self.vocabulary)
        return self

    @model_validator(mode="after")
    def _parts_are_of_their_texts(self) -> "Config":
        for name, split in self.parts:
            length = (split.corpus or self.corpus).length if split else 0
            if split and split.start + split.length > length:
                raise ValueError(
                    f"{name} must lie in the text's {length} {self.corpus.units}, "
                    f"got {split.length} from {split.start}"
                )
        return self

    @property
    def window_size(self) -> int:
        """The number of characters that an iteration learns from, over all lanes."""
        return self.seq_length * self.lanes

    @property
    def parameter_count(self) -> int:
        """The number of weights, with biases and a learned initial state."""
        V, H = len(self.vocabulary), self.hidden_size
        return 2 * H * V + H * H + H + V + H * self.learn_initial_state

    def bits_per_character(self, loss: float) -> float:
        """Convert a loss in nats, summed over a window's steps and lanes."""
        return float(loss / (self.window_size * np.log(2)))

    def to_json(self) -> bytes:
        return (self.model_dump_json(indent=2) + "\n").encode()

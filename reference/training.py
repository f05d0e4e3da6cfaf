"""The training loop: read a window, learn from it, carry the state on to the next.

N characters of text, V symbols, H hidden units, B lanes.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int, Integer

from .adagrad import update
from .lanes import backward_lanes
from .rnn import Parameters, Trace, forward, initialize_parameters
from .run import Hyperparameters, Run, Step
from .sampling import generate
from .vocabulary import Vocabulary

# Of the smoothed loss. Written out: 1 - 0.999 is another number than 0.001 in floating point.
OLD_WEIGHT, NEW_WEIGHT = 0.999, 0.001


class Training:
    """A run, taken one iteration at a time.

    Its state is all in plain attributes: `parameters`, `accumulators`, `hidden_state`,
    `position` (where the next window begins), `iteration` (how many are done), `smooth_loss`.
    Give them back to a new Training over the same text and it goes on, bit for bit.

    With B lanes the text is cut into B sections of equal length (what doesn't divide is dropped)
    and each lane reads its own, from the same position in it; `hidden_state` has a column a lane.
    Losses are summed over the lanes, and lane 0 writes the samples.
    """

    def __init__(
        self,
        text: Integer[np.ndarray, " N"],
        hyperparameters: Hyperparameters,
        *,
        vocabulary: Vocabulary,
        seed: int = 1,
        parameters: Parameters | None = None,
        clip: float | None = 5.0,
        lanes: int = 1,
    ) -> None:
        """Start from a copy of `parameters` where given, else from the seed's.

        The text may be a memory-mapped array of any integer type: it is read window by window.

        Raises ValueError for sections shorter than one window and its last target, lanes below 1
        or parameters of another shape.
        """
        H, V, T = hyperparameters.hidden_size, len(vocabulary), hyperparameters.seq_length
        if lanes < 1:
            raise ValueError(f"lanes must be at least 1, got {lanes}")
        if len(text) // lanes < T + 1:
            raise ValueError(
                f"the text must have at least {T + 1} characters for each of {lanes} lanes "
                f"(a window of {T} and its last target), got {len(text)}"
            )
        drawn = initialize_parameters(
            vocab_size=V,
            hidden_size=H,
            seed=seed,
        )
        if parameters is None:
            parameters = drawn
        for given, expected in zip(parameters, drawn, strict=True):
            if given.shape != expected.shape:
                raise ValueError(
                    f"parameters must fit {H} hidden units and {V} symbols: expected shape "
                    f"{tuple(expected.shape)}, got {tuple(given.shape)}"
                )
        self.text = np.asarray(text)
        self.hyperparameters = hyperparameters
        self.vocabulary = vocabulary
        self.lanes = lanes
        self.clip = clip
        self.parameters = parameters.copy()
        self.accumulators = parameters.zeros_like()
        self.hidden_state = np.zeros((H, lanes))
        self.position = 0
        self.iteration = 0
        self.smooth_loss = float(np.log(V) * T) * lanes

    def step(self) -> Step:
        """Take one iteration.

        Raises FloatingPointError, before anything changes, when the loss is no finite number.
        """
        T, section = self.hyperparameters.seq_length, len(self.text) // self.lanes
        position, states = self.position, self.hidden_state
        if position + T + 1 > section:
            position, states = 0, np.zeros_like(states)
        traces = []
        for lane in range(self.lanes):
            start = lane * section + position
            indices = self._read(start, start + T + 1)
            state = states[:, lane : lane + 1]
            traces.append(forward(self.parameters, indices[:-1], indices[1:], state))
        loss = sum(float(trace.loss) for trace in traces)
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss must be a finite number, got {loss}")
        sample = self._write(traces[0]) if self._is_due() else None
        gradients = backward_lanes(self.parameters, traces, self.clip)
        update(self.parameters, gradients, self.accumulators, self.hyperparameters.learning_rate)

        self.hidden_state = np.hstack([trace.final_state for trace in traces])
        self.position = position + T
        self.iteration += 1
        step = Step(self.iteration, loss, self.smooth_loss, sample)
        self.smooth_loss = self.smooth_loss * OLD_WEIGHT + loss * NEW_WEIGHT
        return step

    def __iter__(self) -> Iterator[Step]:
        """Take what is left of the run."""
        while self.iteration < self.hyperparameters.iterations:
            yield self.step()

    def _read(self, start: int, end: int) -> Int[np.ndarray, " S"]:
        return self.text[start:end].astype(np.int64, casting="same_kind")

    def _is_due(self) -> bool:
        iteration = self.iteration + 1
        return iteration == 1 or iteration % self.hyperparameters.sample_every == 0

    def _write(self, trace: Trace) -> str:
        last_input = self.vocabulary.symbols[int(trace.inputs[-1])]
        start = self.vocabulary.encode_one_hot(last_input)[0]
        return generate(self.parameters, self.vocabulary, trace.final_state, start)


def train(
    text: str,
    hyperparameters: Hyperparameters,
    *,
    vocabulary: Vocabulary | None = None,
    seed: int = 1,
    parameters: Parameters | None = None,
    clip: float | None = 5.0,
    lanes: int = 1,
) -> Run[Parameters]:
    """Train to the end; `vocabulary` defaults to the text's own, sorted. Raises as Training."""
    vocabulary = vocabulary or Vocabulary.from_text(text)
    training = Training(
        vocabulary.encode(text),
        hyperparameters,
        vocabulary=vocabulary,
        seed=seed,
        parameters=parameters,
        clip=clip,
        lanes=lanes,
    )
    steps = list(training)
    reports = [step for step in steps if step.sample is not None]
    return Run(training.parameters, [step.loss for step in steps], reports)

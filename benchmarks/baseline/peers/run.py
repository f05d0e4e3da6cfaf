"""A reference network's run: a folder, as that of `bptt train`, that a killed run goes on in.

config.json has the settings, the text and the vocabulary; log.jsonl an entry a line and
results.json the outcome, both in the format of `bptt train`. checkpoint.pt is the last state of the
training, best.pt the weights of the best validation.
"""

import hashlib
import io
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from bptt import files
from bptt.errors import InputError, explained
from bptt.runs import log, results
from bptt.runs.folder import held, made_aside
from bptt.sessions.session import StopRequest
from bptt.strict import Strict, explain
from bptt.text import splits
from bptt.text.encoded import Encoded, translated
from bptt.text.library import Library
from bptt.text.records import CorpusRecord, Splits
from bptt.training.evaluation import Evaluation
from reference import Vocabulary

from . import evaluation
from .networks import Network
from .settings import PeerSettings, checked
from .training import PeerTraining, Step

LN_2 = math.log(2)


class PeerConfig(Strict):
    """config.json: all that is needed to repeat the run."""

    settings: PeerSettings
    corpus: CorpusRecord
    parts: Splits
    vocabulary: list[str]
    torch: str


class PeerRun:
    """A run folder and its training; `train` goes on to the end or to a signal."""

    def __init__(self, path: Path, library: Library | None = None) -> None:
        """Open a run. Raises InputError if it is none, is damaged, or its text has changed."""
        self.path = path
        self.config = read_config(path)
        text = (library or Library()).open(
            self.config.corpus.source, self.config.corpus.encoding, self.config.corpus.units
        )
        self.config.corpus.check(text)
        self.text = text
        self.vocabulary = Vocabulary(self.config.vocabulary)
        self.best: tuple[int, float] | None = None  # iteration, nats
        self.seconds = 0.0

    @property
    def log_file(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def results_file(self) -> Path:
        return self.path / "results.json"

    def split(self, name: str) -> np.ndarray | None:
        """Return the indices of "train", "validation" or "test", None if there is none."""
        part = getattr(self.config.parts, name)
        if part is None:
            return None
        stretch = self.text.indices[part.start : part.start + part.length]
        return translated(stretch, self.text.vocabulary, self.vocabulary)

    def train(self) -> int | None:
        """Train; return the signal that stopped it, None at the end, when results.json is there.

        Raises InputError if the training breaks down, or a file can't be written.
        """
        with held(self.path / ".lock"), explained("write in", self.path), StopRequest() as stop:
            training = self._restored()
            settings = self.config.settings
            spent = time.process_time() - self.seconds  # of the processor: nothing while suspended
            with log.Log(self.log_file) as lines:
                while training.iteration < settings.iterations and stop.signal is None:
                    try:
                        step = training.step()
                    except FloatingPointError as error:
                        raise InputError(
                            f"training broke down in iteration {training.iteration + 1}: {error}"
                        ) from error
                    due = step.iteration % settings.validate_every == 0
                    nats = self._validate(training) if due else None
                    self.seconds = time.process_time() - spent
                    if due or step.iteration % settings.log_every == 0:
                        lines.add(self._entry(step, nats))
                    if due:
                        lines.flush()
                        self._save(training)
            self._save(training)
            if stop.signal is not None:
                return stop.signal
            self._finish(training)
        return None

    def _restored(self) -> PeerTraining:
        train = self.split("train")
        assert train is not None
        try:
            training = PeerTraining(train, len(self.vocabulary), self.config.settings)
        except ValueError as error:
            raise InputError(f"{self.config.corpus.name}: {error}") from error
        path = self.path / "checkpoint.pt"
        if path.exists():
            saved = _load(path)
            training.restore(saved["training"])
            self.best, self.seconds = saved["best"], saved["seconds"]
        known = log.read(self.log_file, log.Entry)
        log.write(self.log_file, [one for one in known if one.iteration <= training.iteration])
        return training

    def _validate(self, training: PeerTraining) -> float:
        """Estimate the validation loss; save the weights if it is the lowest yet."""
        held_out = self.split("validation")
        assert held_out is not None
        nats = evaluation.estimate(training.averaged, held_out)
        if math.isfinite(nats) and (self.best is None or nats < self.best[1]):
            self.best = training.iteration, nats
            # Before the checkpoint: a run killed in between comes here again.
            _save(self.path / "best.pt", training.averaged.state_dict())
        return nats

    def _entry(self, step: Step, nats: float | None) -> log.Entry:
        size = self.config.settings.window_size
        return log.Entry(
            iteration=step.iteration,
            loss=step.loss,
            smooth_loss=step.smooth_loss,
            bits_per_character=step.smooth_loss / size / LN_2,
            characters=step.iteration * size,
            seconds=round(self.seconds, 3),
            learning_rate=step.rate,
            validation_bits=None if nats is None else nats / LN_2,
        )

    def _save(self, training: PeerTraining) -> None:
        saved = {"training": training.saved(), "best": self.best, "seconds": self.seconds}
        _save(self.path / "checkpoint.pt", saved)

    def _finish(self, training: PeerTraining) -> None:
        best, iteration = training.averaged, training.iteration
        final = digest(training.averaged.state_dict())
        if self.best is not None:
            best, iteration = self.load_best(), self.best[0]
        settings = self.config.settings
        results.write(
            self.results_file,
            results.Results(
                iteration=iteration,
                iterations=training.iteration,
                characters=training.iteration * settings.window_size,
                seconds=round(self.seconds, 3),
                ended=None,
                validation=self._evaluated(best, "validation"),
                test=self._evaluated(best, "test"),
                final_weights=final,
                best_weights=digest(best.state_dict()),
            ),
        )

    def load_best(self) -> Network:
        """Return the network with the weights of the best validation."""
        network = Network(self.config.settings, len(self.vocabulary))
        network.load_state_dict(_load(self.path / "best.pt"))
        return network

    def _evaluated(self, network: Network, name: str) -> Evaluation | None:
        indices = self.split(name)
        if indices is None:
            return None
        try:
            nats, counted = evaluation.one_stream(network, indices)
        except ValueError as error:
            raise InputError(f"the {name} text: {error}") from error
        unseen = int(np.count_nonzero(indices == len(self.vocabulary)))
        return Evaluation(bits_per_character=nats / LN_2, scored=counted, unseen=unseen)


def create(corpus: str, given: dict[str, Any], out: Path) -> PeerRun:
    """Make a run's folder, completely or not at all.

    Raises InputError for wrong settings, a corpus that can't be read, or a folder that exists.
    """
    settings = checked(given)
    library = Library()
    text = library.open(corpus)
    parts = splits.split_text(text, settings.as_of_bptt)
    config = PeerConfig(
        settings=settings,
        corpus=CorpusRecord.of(text),
        parts=parts,
        vocabulary=_symbols(text, parts),
        torch=torch.__version__,
    )
    with made_aside(out) as aside:
        files.write(aside / "config.json", (config.model_dump_json(indent=2) + "\n").encode())
    return PeerRun(out, library)


def _symbols(text: Encoded, parts: Splits) -> list[str]:
    return list(splits.vocabulary_of(text, parts.train).symbols)


def read_config(path: Path) -> PeerConfig:
    """Read a run's config.json. Raises InputError if there is none, or it is damaged."""
    file = path / "config.json"
    with explained("read", file):
        content = file.read_bytes()
    try:
        return PeerConfig.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{file} is damaged: {explain(error)}") from error


def digest(weights: dict[str, Tensor]) -> str:
    """Return the SHA-256 of weights, written as bptt/runs/digests.py writes a plain RNN's."""
    found = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        value = np.ascontiguousarray(tensor.numpy())
        found.update(f"{name} {value.dtype.name} {value.shape}\n".encode())
        found.update(value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes())
    return found.hexdigest()


def _save(path: Path, content: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    files.write(path, buffer.getvalue())


def _load(path: Path) -> dict[str, Any]:
    with explained("read", path):
        content = path.read_bytes()
    try:
        return torch.load(io.BytesIO(content), weights_only=True)
    except (RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from error

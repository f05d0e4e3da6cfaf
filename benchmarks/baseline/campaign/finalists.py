"""Train protocols with several seeds each, and read the results as lines of results.json."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from bptt.errors import InputError
from bptt.runs import data
from bptt.runs import results as results_file
from bptt.runs.folder import RunFolder
from bptt.text.encoded import open_corpus

from ...harness import machine
from ..peers import evaluation
from ..peers.networks import Network, parameters_of
from ..peers.run import PeerRun
from ..peers.settings import PeerSettings, checked
from . import protocols
from .halving import speed
from .processes import Leg, Training, advance
from .record import Line, SeedResult
from .space import MODELS

WINDOW = 256  # characters; nanoGPT's for characters of Shakespeare
LN_2 = math.log(2)


def trainings(protocol: str, corpus: str, seeds: int, out: Path) -> list[Training]:
    """Return a protocol's trainings with seeds 1 to `seeds`."""
    file = protocols.find(protocol)
    model = protocols.model_of(file)
    return [
        Training(
            out / corpus / protocol / f"seed-{seed}",
            model,
            corpus,
            ("--config", str(file), "--seed", str(seed)),
        )
        for seed in range(1, seeds + 1)
    ]


def train(
    wanted: list[str], corpus: str, seeds: int, out: Path, jobs: int, say: Callable[[str], None]
) -> None:
    """Train all seeds of all protocols, or go on. Raises InputError if one breaks down."""
    every = [one for name in wanted for one in trainings(name, corpus, seeds, out)]
    broken = advance([Leg(one, None) for one in every], jobs, say)
    if broken:
        said = "; ".join(f"{one.folder}: {message}" for one, message in broken.items())
        raise InputError(f"{len(broken)} trainings broke down: {said}")


def finished(out: Path) -> Iterator[tuple[str, str, list[Path]]]:
    """Yield the corpus, protocol and runs of all that are finished in a folder of finalists."""
    for folder in sorted(out.glob("*/*")):
        runs = sorted(folder.glob("seed-*/results.json"), key=lambda path: _seed(path.parent))
        if runs:
            yield folder.parent.name, folder.name, [path.parent for path in runs]


def _seed(run: Path) -> int:
    return int(run.name.removeprefix("seed-"))


def line(corpus: str, protocol: str, runs: list[Path]) -> Line:
    """Return the line of a protocol's finished runs, after evaluating them on windows, too."""
    file = protocols.find(protocol)
    model = protocols.model_of(file)
    opened = [_of_bptt(run) if model == MODELS[0] else _of_peer(run) for run in runs]
    first = opened[0]
    for other in opened:
        if (other.sha256, other.split) != (first.sha256, first.split):
            raise InputError(f"the runs of {protocol} on {corpus} have different texts or splits")
    return Line(
        corpus=corpus,
        corpus_sha256=first.sha256,
        corpus_version=first.version,
        split=first.split,
        model=model,
        protocol=protocol,
        hidden_size=first.hidden_size,
        layers=first.layers,
        parameters=first.parameters,
        command=protocols.command(file, corpus, [_seed(run) for run in runs]),
        machine=machine.describe() | {"torch": torch.__version__},
        results=[
            _result(run, one.network, one.validation) for run, one in zip(runs, opened, strict=True)
        ],
    )


class _Opened:
    """A finished run's network and validation text."""

    def __init__(
        self,
        network: Network,
        validation: np.ndarray | None,
        settings: PeerSettings,
        split: str,
        sha256: str,
        version: str | None,
        parameters: int,
    ) -> None:
        self.network, self.validation = network, validation
        self.hidden_size, self.layers = settings.hidden_size, settings.layers
        self.split, self.sha256, self.version = split, sha256, version
        self.parameters = parameters


def _of_bptt(path: Path) -> _Opened:
    folder = RunFolder(path)
    config = folder.read_config()
    texts = data.texts(config, open_corpus(config.corpus.source, config.corpus.encoding))
    model = folder.load_model()
    if model.initial_state.any():
        raise InputError(f"{path} learned its initial state, which the table has no column for")
    weights = [np.asarray(value, np.float32) for value in model.parameters]
    Whx, Wha, Wya, bh, by = weights
    names = ("hidden_size", "seq_length", "lanes", "iterations", "learning_rate")
    settings = checked({"model": "rnn"} | {name: getattr(config, name) for name in names})
    network = Network(settings, len(config.vocabulary))
    named = {
        "layers.0.cell.weight_ih_l0": Whx,
        "layers.0.cell.weight_hh_l0": Wha,
        "layers.0.cell.bias_ih_l0": bh[:, 0],
        "layers.0.cell.bias_hh_l0": np.zeros_like(bh[:, 0]),
        "linear.weight": Wya,
        "linear.bias": by[:, 0],
    }
    network.load_state_dict({name: torch.from_numpy(value) for name, value in named.items()})
    version = None
    if config.corpus.name == "python-docs":
        version = f"of Python {config.versions.python}"
    parameters = sum(value.size for value in weights)
    return _Opened(
        network, texts.validation, settings, config.split, config.corpus.sha256, version, parameters
    )


def _of_peer(path: Path) -> _Opened:
    run = PeerRun(path)
    network = run.load_best()
    return _Opened(
        network,
        run.split("validation"),
        run.config.settings,
        run.config.settings.split,
        run.config.corpus.sha256,
        None,
        parameters_of(network),
    )


def _result(path: Path, network: Network, validation: np.ndarray | None) -> SeedResult:
    found = results_file.read(path / "results.json")
    if found.validation is None or found.final_weights is None or found.best_weights is None:
        raise InputError(f"{path} has no validation or no digests")
    training = Training(path, MODELS[0], "", ())
    last = max(training.validations().items())[1]
    bits = found.validation.bits_per_character
    assert validation is not None
    return SeedResult(
        seed=_seed(path),
        iterations=found.iterations,
        best_iteration=found.iteration,
        characters=found.characters,
        seconds=found.seconds,
        characters_per_second=speed(training.entries()),
        validation_bits=bits,
        validation_nats=bits * LN_2,
        last_nats=last * LN_2,
        windows_nats=evaluation.windows(network, validation, WINDOW),
        test_bits=None if found.test is None else found.test.bits_per_character,
        final_weights=found.final_weights,
        best_weights=found.best_weights,
    )

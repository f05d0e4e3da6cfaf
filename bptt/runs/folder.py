"""A run's folder: config.json, log.jsonl, checkpoint.safetensors, samples.txt, loss.png, …"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from .. import figures, files
from ..errors import InputError, explained, harmless
from ..strict import explain
from ..training import diagnostics
from ..training.base import Training
from ..training.validation import ValidationHistory
from . import checkpoint, diagnostics_plot, log, plots, smoothing
from .checkpoint import Model, load_model
from .config import Config


@dataclass(frozen=True)
class RunFolder:
    """The files of a run, by their paths."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def csv(self) -> Path:
        return self.path / "log.csv"

    @property
    def tensorboard(self) -> Path:
        """A folder of event files."""
        return self.path / "tensorboard"

    @property
    def card(self) -> Path:
        return self.path / "card.md"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def best(self) -> Path:
        """The checkpoint with the lowest validation loss, that at the end included."""
        return self.path / "best.safetensors"

    @property
    def best_before_end(self) -> Path:
        """`best` before the validation at the end; a resumed run restores it."""
        return self.path / "best_before_end.safetensors"

    @property
    def start(self) -> Path:
        """The checkpoint before the first iteration, of a run that starts from another's weights.

        With it, the run can be reproduced when the other one is gone.
        """
        return self.path / "start.safetensors"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def job(self) -> Path:
        """The file that names the torchrun that made the run, if one did."""
        return self.path / ".job"

    @property
    def diagnostics(self) -> Path:
        return self.path / "diagnostics.jsonl"

    @property
    def flow_plot(self) -> Path:
        return self.path / "gradient_flow.png"

    @property
    def samples(self) -> Path:
        return self.path / "samples.txt"

    @property
    def loss_plot(self) -> Path:
        return self.path / "loss.png"

    def read_config(self) -> Config:
        """Read config.json. Raises InputError if there is no run, or the file is damaged."""
        with explained("read", self.config):
            if not self.config.exists():
                raise InputError(self._why_no_run())
            content = self.config.read_bytes()
        try:
            return Config.model_validate_json(content)
        except ValidationError as error:
            raise InputError(f"{self.config} is damaged: {explain(error)}") from error

    def _why_no_run(self) -> str:
        seeds = sorted(self.path.glob("seed-*"))
        if seeds:
            return (
                f"{self.path} holds several runs, one for each seed; name one, such as {seeds[0]}"
            )
        if self.path.is_file():
            return f"{self.path} is no run folder but a file"
        if not self.path.exists():
            return f"{self.path} is no run folder: nothing is there"
        return f"{self.path} is no run folder: it has no {self.config.name}"

    def write_config(self, config: Config) -> None:
        with explained("write", self.config):
            files.write(self.config, config.to_json())

    def remove_results(self) -> None:
        """Remove what says that the run is finished. Raises InputError."""
        for path in (self.card, self.results):
            with explained("remove", path):
                files.remove(path)

    def load_model(self, *, last: bool = False) -> Model:
        """Load the weights with the lowest validation loss, or the last.

        They are the same before the first validation, and where the one at the end was the best.
        Raises InputError if the best ones are gone, and as load_model.
        """
        config = self.read_config()
        with explained("read", self.best):
            if not last and self.best.exists():
                return load_model(self.best, config)
        if not last and config.validates and not self.best_before_end.exists():
            progress = checkpoint.load(self.checkpoint, config)[0].progress
            if progress.best_bits is not None:
                raise InputError(
                    f"{self.best} is gone: it had the weights of the best validation, after "
                    f"iteration {progress.best_iteration}. {self.checkpoint.name} has the last "
                    f"ones, which --last takes"
                )
        return load_model(self.checkpoint, config)

    def refuse_unfinished(self, otherwise: str) -> None:
        """Raise InputError unless the run is finished; `otherwise` says what else can be done."""
        if not self.results.exists():
            raise InputError(
                f"{self.path} must be a finished run, but has no {self.results.name}; finish it: "
                f"bptt train --resume {self.path}, or {otherwise}"
            )

    def was_made_by(self, job: str | None) -> bool:
        """Return whether the torchrun of this name (see processes.job) made the run."""
        return job is not None and self.job.exists() and self.job.read_text() == job

    @contextmanager
    def held(self, patience: float = 0.0) -> Iterator[None]:
        """Lock the folder against other processes while this one trains.

        A dead process holds no lock. Raises InputError if another one still does after `patience`
        seconds.
        """
        with held(self.lock, patience):
            yield

    def write_tables(self, config: Config) -> None:
        """Write log.csv and samples.txt anew from the log."""
        entries = log.read(self.log, log.Entry)
        samples = "".join(
            f"Iteration {entry.iteration}, {smoothing.bits_at(config, entry):.3f} bits per "
            f"character\n{harmless(entry.sample)}\n\n"
            for entry in entries
            if entry.sample is not None
        )
        with explained("write in", self.path):
            files.write(self.csv, log.to_csv(entries))
            files.write(self.samples, samples.encode("utf-8", "surrogatepass"))

    def draw(self, config: Config, broken_at: int | None = None) -> None:
        """Draw loss.png, and gradient_flow.png if there are diagnostics.

        `broken_at` is the iteration in which training broke down, if it did.
        """
        entries = log.read(self.log, log.Entry)
        figures.write(self.loss_plot, lambda: plots.loss(entries, config, broken_at))
        records = log.read(self.diagnostics, diagnostics.Record)
        if records:
            heading = f"{config.corpus.name}, {config.hidden_size} hidden units"
            figures.write(self.flow_plot, lambda: diagnostics_plot.gradient_flow(records, heading))


@contextmanager
def held(lock: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold a lock file.

    Raises InputError if another process still holds it after `patience` seconds.
    """
    file = FileLock(lock, timeout=patience)
    try:
        file.acquire()
    except Timeout as error:
        raise InputError(f"another process is training in {lock.parent}") from error
    except OSError as error:  # a read-only folder, a file system without locks
        raise InputError(f"can't lock {lock}: {error.strerror or error}") from error
    try:
        yield
    finally:
        file.release()


def create(path: Path, config: Config, training: Training, job: str | None = None) -> RunFolder:
    """Make the folder of a run before its first iteration, completely or not at all.

    Raises InputError if the path exists already or can't be written.
    """
    with made_aside(path) as aside:
        folder = RunFolder(aside)
        folder.write_config(config)
        kept = (
            [folder.checkpoint]
            if config.initial_weights is None
            else [folder.checkpoint, folder.start]
        )
        for file in kept:
            checkpoint.save(file, training, ValidationHistory(), config.corpus.sha256)
        with explained("make the run folder", path):
            folder.log.touch()
            if job is not None:
                files.write(folder.job, job.encode())
    return RunFolder(path)


@contextmanager
def made_aside(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill; on exit, it becomes the one at `path`.

    After an exception nothing is left. Raises InputError if the path exists already or can't be
    written.
    """
    refuse_existing(path)
    # Not by the process's number: one that a crash left behind may have had the same.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    with explained("make the run folder", path):
        missing = [parent for parent in aside.parents if not parent.exists()]
    try:
        with explained("make the run folder", path):
            aside.mkdir(parents=True)
        yield aside
        with explained("make the run folder", path):
            files.flush_folder(aside)
            aside.rename(path)
            for folder in (path, *missing):
                files.flush_folder(folder.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        for parent in missing:
            with suppress(OSError):  # another process may have put something there
                parent.rmdir()
        raise


def refuse_existing(path: Path) -> None:
    """Raise InputError if the path exists already."""
    if not os.path.lexists(path):
        return
    if any((path / name).exists() for name in ("config.json", "seeds.json")):
        raise InputError(
            f"{path} exists already. Resume it: bptt train --resume {path}. "
            f"Start another: --out with a new name"
        )
    kind = "folder" if path.is_dir() else "file"
    raise InputError(f"{path} exists already, a {kind}: --out makes a new folder, name another")


def next_free(name: str) -> Path:
    """Return the first of runs/NAME-1, runs/NAME-2, … that doesn't exist."""
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name)
    number = 1
    while os.path.lexists(path := Path("runs") / f"{safe}-{number}"):
        number += 1
    return path

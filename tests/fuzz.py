"""A campaign: damaged files of every kind that the program reads.

A loader must refuse them with an InputError or come to something that passes its checks: no other
exception, no memory that grows, nothing that takes long. python -m tests.fuzz
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import safetensors.numpy

from bptt import arrays, checkpoint, corpora, diagnostics, encoded, log, results, running
from bptt.config import Config
from bptt.errors import InputError
from bptt.evaluation import Evaluation
from bptt.run_folder import RunFolder
from bptt.settings import read_file

from . import mutations
from .mutations import Mutation
from .program import TEXT

ROOM = 2**29  # bytes of addresses beyond what the process has when it begins
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "utf-7", "shift_jis",
             "unicode_escape", "punycode", "idna", "hz")  # fmt: skip


@dataclass
class Tally:
    files: int = 0
    refused: int = 0
    accepted: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Loader:
    """`load` raises AssertionError where it comes to something that it shouldn't."""

    name: str
    mutate: Mutation
    load: Callable[[bytes, random.Random], None]


def loaders(folder: Path) -> list[Loader]:
    """Make a small run and everything to be damaged; the corpus cache must be in `folder`."""
    text = folder / "text.txt"
    text.write_text(TEXT + "é\u20ac\U0001f40d\r\n")
    given = {"hidden_size": 3, "seq_length": 4, "iterations": 9, "validate_every": 3,
             "optimizer": "adam", "learn_initial_state": True}  # fmt: skip
    run = running.make(str(text), given, folder / "run").folder
    config = run.read_config()
    records = [
        log.Entry(iteration=i, loss=9.5, smooth_loss=9.0, bits_per_character=3.1, characters=4 * i,
                  learning_rate=0.1, seconds=0.5, validation_bits=3.0, unseen=1, sample="ab")
        for i in range(1, 5)
    ]  # fmt: skip
    flow = [
        diagnostics.Record(iteration=i, norms=[1.0, 0.5], saturated_share=0.1, spectral_radius=0.9,
                           clipped_share=0.0)
        for i in range(1, 5)
    ]  # fmt: skip
    toml = b"".join(
        f"{key} = {json.dumps(value)}\n".encode()
        for key, value in config.model_dump(include=set(running.Settings.model_fields)).items()
        if value is not None
    )
    content = run.config.read_bytes()
    evaluation = Evaluation(bits_per_character=2.5, scored=20, unseen=1)
    results.write(
        folder / "results.json",
        results.Results(iteration=3, iterations=9, characters=36, seconds=1.5, ended=None,
                        validation=evaluation, test=evaluation),
    )  # fmt: skip
    came_to = (folder / "results.json").read_bytes()
    damaged = RunFolder(folder / "damaged")
    damaged.path.mkdir()

    def load_checkpoint(content: bytes, rng: random.Random) -> None:
        damaged.checkpoint.write_bytes(content)
        standing, tensors = checkpoint.load(damaged.checkpoint, config)
        expected = arrays.expected(config, len(config.vocabulary))
        assert {name: (t.shape, str(t.dtype)) for name, t in tensors.items()} == expected
        assert all(np.isfinite(value).all() for value in tensors.values())
        assert 0 <= standing.position <= config.parts.train.length
        checkpoint.load_model(damaged.checkpoint, config)

    def load_config(content: bytes, rng: random.Random) -> None:
        damaged.config.write_bytes(content)
        found = damaged.read_config()
        assert Config.model_validate_json(found.to_json()) == found

    def load_settings(suffix: str) -> Callable[[bytes, random.Random], None]:
        def load(content: bytes, rng: random.Random) -> None:
            path = damaged.path / f"settings.{suffix}"
            path.write_bytes(content)
            named = read_file(path)
            named.pop("corpus", None)
            found = running.checked(named)
            assert running.checked(found.model_dump()) == found

        return load

    def load_lines(kind: type, whole: list) -> Callable[[bytes, random.Random], None]:
        def load(content: bytes, rng: random.Random) -> None:
            damaged.log.write_bytes(content)
            found = log.read(damaged.log, kind)
            log.write(damaged.log, found)
            assert log.read(damaged.log, kind) == found
            if len(found) < len(whole):
                raise InputError("lines were dropped")  # what a reader of torn lines does

        return load

    def load_results(content: bytes, rng: random.Random) -> None:
        damaged.results.write_bytes(content)
        found = results.read(damaged.results)
        results.write(damaged.results, found)
        assert results.read(damaged.results) == found

    def load_corpus(content: bytes, rng: random.Random) -> None:
        path = damaged.path / "corpus.txt"
        path.write_bytes(content)
        encoding = rng.choice((*ENCODINGS, "utf-8", "utf-8", "utf-8"))
        units = rng.choice(("characters", "bytes"))
        found = encoded.open_corpus(str(path), encoding, units)
        assert len(found.indices) > 0
        assert found.indices.max() < len(found.vocabulary)
        if units == "bytes":
            assert (
                "".join(found.vocabulary.decode(found.indices.astype(int))).encode("latin-1")
                == content
            )

    return [
        Loader("checkpoint", _of_checkpoint(run.checkpoint.read_bytes()), load_checkpoint),
        Loader("config.json", mutations.of_json(content), load_config),
        Loader("settings, TOML", mutations.of_toml(toml), load_settings("toml")),
        Loader("settings, JSON", mutations.of_json(content), load_settings("json")),
        Loader(
            "log.jsonl", mutations.of_json_lines(_lines(records)), load_lines(log.Entry, records)
        ),
        Loader(
            "diagnostics.jsonl",
            mutations.of_json_lines(_lines(flow)),
            load_lines(diagnostics.Record, flow),
        ),
        Loader("results.json", mutations.of_json(came_to), load_results),
        Loader("corpus", mutations.of_bytes(text.read_bytes()), load_corpus),
        *_of_cache(text),
    ]


def _lines(records: list) -> bytes:
    return b"".join(map(log.to_line, records))


def _of_checkpoint(content: bytes) -> Mutation:
    """Damage bytes, the header's length, its JSON; or the numbers, with the right checksum."""
    anywhere, header = mutations.of_bytes(content), mutations.of_safetensors(content)

    def mutate(rng: random.Random) -> bytes:
        kind = rng.randrange(4)
        if kind == 0:
            return anywhere(rng)
        if kind < 3:
            return header(rng)
        tensors = safetensors.numpy.load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        standing = json.loads(metadata[checkpoint.METADATA_KEY])
        mutations.change_a_value(standing, rng)
        name = rng.choice(sorted(tensors))
        tensors[name] = mutations.change_an_array(tensors[name], rng)
        with contextlib.suppress(ValueError, TypeError):  # only what can be sealed is
            sealed = checkpoint.Standing.model_validate(standing | {"sha256": ""})
            standing["sha256"] = checkpoint._digest(sealed, dict(sorted(tensors.items())))
        metadata[checkpoint.METADATA_KEY] = mutations.dumped(standing)
        return safetensors.numpy.save(tensors, metadata)

    return mutate


def _of_cache(text: Path) -> list[Loader]:
    """Both files of an entry: what comes out is the text, whatever is in them.

    Only somebody who computes the checksum of a wrong description gets it believed; then what
    comes out must at least be a text.
    """
    with _everything_cached():
        whole = encoded.open_corpus(str(text))
    (description,) = (corpora.cache_folder() / "encoded").glob("*.json")
    indices = description.with_suffix(".indices")
    kept = {path: path.read_bytes() for path in (description, indices)}

    def load(place: Path, *, sealed: bool = False) -> Callable[[bytes, random.Random], None]:
        def load(content: bytes, rng: random.Random) -> None:
            for path, original in kept.items():
                path.write_bytes(content if path == place else original)
            said = io.StringIO()
            with _everything_cached(), contextlib.redirect_stderr(said):
                found = encoded.open_corpus(str(text))
            assert len(found.indices) == len(whole.indices)
            assert found.indices.max() < len(found.vocabulary)
            if not sealed:
                assert found.vocabulary == whole.vocabulary
                assert found.sha256 == whole.sha256
                assert np.array_equal(found.indices, whole.indices)
            if said.getvalue():
                raise InputError(said.getvalue())  # rebuilt, which is this loader's refusal

        return load

    return [
        Loader("cache, JSON", mutations.of_json(kept[description]), load(description)),
        Loader("cache, sealed", _sealed(kept[description]), load(description, sealed=True)),
        Loader("cache, indices", mutations.of_bytes(kept[indices]), load(indices)),
    ]


def _sealed(content: bytes) -> Mutation:
    def mutate(rng: random.Random) -> bytes:
        entry = json.loads(content)
        mutations.change_a_value(entry, rng)
        rest = {key: value for key, value in entry.items() if key != "check"}
        entry["check"] = hashlib.sha256(_compact(rest)).hexdigest()
        return mutations.dumped(entry).encode("utf-8", "surrogatepass")

    return mutate


def _compact(value: object) -> bytes:
    return mutations.dumped(value, separators=(",", ":")).encode("utf-8", "surrogatepass")


@contextlib.contextmanager
def _everything_cached() -> Iterator[None]:
    before = corpora.IN_MEMORY
    corpora.IN_MEMORY = 0
    try:
        yield
    finally:
        corpora.IN_MEMORY = before


def fuzz(loaders: list[Loader], files: int, seed: int, kept: Path | None) -> dict[str, Tally]:
    """Give each loader its share of the files; keep those that it fails on in `kept`."""
    tallies = {loader.name: Tally() for loader in loaders}
    rng = random.Random(seed)
    for number in range(files):
        loader = loaders[number % len(loaders)]
        tally = tallies[loader.name]
        content = loader.mutate(rng)
        begun = time.perf_counter()
        tally.files += 1
        try:
            loader.load(content, rng)
            tally.accepted += 1
        except InputError as error:
            str(error)
            tally.refused += 1
        except Exception:  # everything else is what the campaign looks for
            tally.failures.append(f"{loader.name}, file {number}: {traceback.format_exc()}")
            if kept is not None:
                (kept / f"{number}").write_bytes(content)
        tally.slowest = max(tally.slowest, time.perf_counter() - begun)
    return tallies


def limit_memory(room: int) -> None:
    """Let allocations fail beyond so many more bytes of addresses."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, hard))


def report(tallies: dict[str, Tally]) -> str:
    lines = [f"{'loader':20}{'files':>9}{'refused':>9}{'accepted':>9}{'failed':>8}{'slowest':>10}"]
    for name, tally in tallies.items():
        lines.append(
            f"{name:20}{tally.files:9,}{tally.refused:9,}{tally.accepted:9,}"
            f"{len(tally.failures):8,}{1e3 * tally.slowest:7.0f} ms"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for files that a loader failed on")
    arguments = parser.parse_args()
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        os.environ["BPTT_CACHE"] = f"{folder}/cache"
        made = loaders(Path(folder))
        fuzz(made, 10 * len(made), arguments.seed + 1, None)
        limit_memory(ROOM)
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        tallies = fuzz(made, arguments.files, arguments.seed, arguments.keep)
    took = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(report(tallies))
    print(
        f"{arguments.files:,} files, {arguments.files / took:,.0f} a second; peak memory "
        f"{peak / 1024:,.0f} MB, {before / 1024:,.0f} MB before the first"
    )
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    print("\n".join(failures[:20]))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()

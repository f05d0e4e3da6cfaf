"""What the campaign of damaged files asks: each loader, its files, and what must hold of them."""

import contextlib
import hashlib
import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from bptt.errors import InputError
from bptt.runs import checkpoint, log, results
from bptt.runs.config import Config
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle
from bptt.settings_file import read_file
from bptt.text import corpora, encoded
from bptt.training import diagnostics, state
from bptt.training.evaluation import Evaluation

from ..program import TEXT
from . import mutations
from .mutations import Mutation

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "utf-7", "shift_jis",
             "unicode_escape", "punycode", "idna", "hz")  # fmt: skip


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
    run = lifecycle.make(str(text), given, folder / "run").folder
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
        for key, value in config.model_dump(include=set(lifecycle.Settings.model_fields)).items()
        if value is not None
    )
    content = run.config.read_bytes()
    evaluation = Evaluation(bits_per_character=2.5, scored=20, unseen=1)
    results.write(
        folder / "results.json",
        results.Results(iteration=3, iterations=9, characters=36, seconds=1.5, ended=None,
                        validation=evaluation, test=evaluation),
    )  # fmt: skip
    outcome = (folder / "results.json").read_bytes()
    damaged = RunFolder(folder / "damaged")
    damaged.path.mkdir()

    def load_checkpoint(content: bytes, rng: random.Random) -> None:
        damaged.checkpoint.write_bytes(content)
        standing, tensors = checkpoint.load(damaged.checkpoint, config)
        expected = state.expected(config, len(config.vocabulary))
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
            found = lifecycle.checked(named)
            assert lifecycle.checked(found.model_dump()) == found

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
        Loader("results.json", mutations.of_json(outcome), load_results),
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
            sealed = checkpoint.CheckpointHeader.model_validate(standing | {"sha256": ""})
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
    indices = description.with_suffix(".npy")
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

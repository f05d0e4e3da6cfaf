"""Protocols: settings with the digests of what they end in, one TOML file each.

Those of the plain RNN lie in benchmarks/baseline/protocols and are read by `bptt train --config`
and `bptt reproduce`; those of reference networks lie in its folder peers.
"""

from pathlib import Path
from typing import Any

from bptt import files, settings_file
from bptt.errors import InputError, explained
from bptt.runs.published import PublishedResult
from bptt.settings_file import RESULTS, to_toml

from .record import Line, SeedResult
from .space import MODELS

PROTOCOLS = Path(__file__).parents[1] / "protocols"
PEERS = PROTOCOLS / "peers"
ROOT = Path(__file__).parents[3]
HEADING = "# What it ends in: `bptt reproduce` trains it again and compares the bits."
PEER_HEADING = "# What it ended in; PyTorch promises these bits on no other machine."


def find(name: str) -> Path:
    """Return a protocol's file. Raises InputError if there is none of this name."""
    for folder in (PROTOCOLS, PEERS):
        if (folder / f"{name}.toml").exists():
            return folder / f"{name}.toml"
    known = ", ".join(sorted(path.stem for path in PROTOCOLS.rglob("*.toml")))
    raise InputError(f"the protocol must be one of {known}, got {name}")


def model_of(path: Path) -> str:
    """Return the model that a protocol trains."""
    model = settings_file.load(path).get("model", MODELS[0])
    if model not in MODELS:
        raise InputError(f"{path}: model must be one of {', '.join(MODELS)}, got {model!r}")
    return model


def command(path: Path, corpus: str, seeds: list[int]) -> str:
    """Return the command that trains a protocol, from the repository's folder."""
    place = path.relative_to(ROOT).as_posix()
    if model_of(path) == MODELS[0]:
        several = f"--seeds {len(seeds)}" if len(seeds) > 1 else f"--seed {seeds[0]}"
        return f"bptt train {corpus} --config {place} {several}"
    return (
        f"python -m benchmarks baseline campaign finalists --protocol {path.stem} "
        f"--corpus {corpus} --seeds {len(seeds)} --out DIR"
    )


def write(path: Path, comment: list[str], settings: dict[str, Any]) -> None:
    """Write a protocol without results. Raises InputError if it exists or can't be written."""
    if path.exists():
        raise InputError(f"{path} exists already")
    lines = [*(f"# {line}" for line in comment), to_toml(settings)]
    with explained("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, ("\n".join(lines) + "\n").encode())


def with_results(path: Path, line: Line) -> None:
    """Write a line's digests into its protocol, in place of those on the same text."""
    with explained("read", path):
        content = path.read_text(encoding="utf-8")
    head, *blocks = content.split(f"[[{RESULTS}]]\n")
    kept = [block.strip() for block in blocks if line.corpus_sha256 not in block]
    new = [_table(line, one) for one in line.results]
    for heading in (HEADING, PEER_HEADING):
        head = head.replace(heading, "")
    heading = HEADING if model_of(path) == MODELS[0] else PEER_HEADING
    tables = "\n\n".join(f"[[{RESULTS}]]\n{block}" for block in (*kept, *new))
    text = f"{head.rstrip()}\n\n{heading}\n{tables}\n"
    with explained("write", path):
        files.write(path, text.encode())


def _table(line: Line, one: SeedResult) -> str:
    said = to_toml(
        PublishedResult(
            corpus=line.corpus,
            corpus_sha256=line.corpus_sha256,
            seed=one.seed,
            final_weights=one.final_weights,
            best_weights=one.best_weights,
        ).model_dump(exclude_none=True)
    )
    if line.corpus_version is None:
        return said
    return said.replace("\n", f" # {line.corpus_version}\n", 1)

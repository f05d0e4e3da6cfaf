"""Settings with the SHA-256 of what they end in, as TOML: in a card, or in a protocol's file.

>>> text = '''
... corpus = "novel.txt"
... hidden_size = 256
...
... [[results]]
... seed = 1
... corpus_sha256 = "9f86d0…"
... final_weights = "60303a…"
... best_weights = "fd61a0…"
... '''
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from ..errors import InputError
from ..settings import Settings
from ..settings_file import RESULTS, load, named, to_toml
from ..strict import Strict, explain, shown
from ..text import corpora
from ..text.records import TextDigest
from .config import Config
from .data import records
from .results import Results

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
DIGEST_OF = {  # the setting that names a text: the key of its SHA-256
    "corpus": "corpus_sha256",
    "validation_file": "validation_sha256",
    "test_file": "test_sha256",
}


class PublishedResult(Strict):
    """One [[results]] table: digests of the texts and of the weights that a training ends in.

    `corpus` and `seed` overrule the settings above the tables. `initial_weights` is the digest of
    the weights that the training started from, if `init_from` is set.
    """

    corpus: str | None = None
    seed: int | None = Field(None, ge=0, lt=2**32)
    corpus_sha256: Digest
    validation_sha256: Digest | None = None
    test_sha256: Digest | None = None
    initial_weights: Digest | None = None
    final_weights: Digest
    best_weights: Digest | None = None


@dataclass(frozen=True)
class Published:
    """Settings, the texts by the name of the setting that names them, and the digests."""

    settings: dict[str, Any]
    texts: dict[str, TextDigest]
    result: PublishedResult


def to_block(
    config: Config, found: Mapping[int, Results] | Results, without: Sequence[str] = ()
) -> str:
    """Return a run's settings and digests as TOML; `found` maps seeds to results if several.

    `without` names settings that are left out.
    """
    kept = config.model_dump(include=set(Settings.model_fields) - set(without))
    kept |= {"units": config.corpus.units}
    by_seed = {None: found} if isinstance(found, Results) else found
    texts = {DIGEST_OF[name]: record.sha256 for name, record in records(config).items()}
    tables = [
        to_toml(
            {"seed": seed}
            | texts
            | {"initial_weights": config.initial_weights}
            | {"final_weights": one.final_weights, "best_weights": one.best_weights}
        )
        for seed, one in by_seed.items()
    ]
    heading = to_toml({"corpus": config.corpus.source} | kept)
    return "\n\n".join([heading, *(f"[[{RESULTS}]]\n{table}" for table in tables)])


def read(path: Path) -> list[Published]:
    """Read a card (.md) or a file of settings with [[results]] tables, in their order.

    Raises InputError if it can't be read or is wrong, or has no such table.
    """
    content = load(path)
    tables = content.pop(RESULTS, None)
    shared = named(content, path)
    if not isinstance(tables, list) or not tables:
        raise InputError(
            f"{path} must have a [[{RESULTS}]] table with corpus_sha256 and final_weights, "
            + ("but has none" if tables is None else f"got {shown(tables)}")
        )
    return [_read_one(shared, table, f"{path}, result {n}") for n, table in enumerate(tables, 1)]


def _read_one(shared: dict[str, Any], table: Any, place: str) -> Published:
    try:
        result = PublishedResult.model_validate(table)
        given = shared | ({} if result.seed is None else {"seed": result.seed})
        source = given.pop("corpus", None) if result.corpus is None else result.corpus
        chosen = {key: value for key, value in given.items() if key != "corpus"}
        settings = Settings.model_validate(chosen)
    except ValidationError as error:
        raise InputError(f"{place}: {explain(error)}") from error
    if (settings.init_from is None) != (result.initial_weights is None):
        raise InputError(
            f"{place}: init_from and initial_weights need each other, got "
            f"{shown(settings.init_from)} and {shown(result.initial_weights)}"
        )
    sources = {
        "corpus": source or corpora.DEFAULT,
        "validation_file": settings.validation_file,
        "test_file": settings.test_file,
    }
    units = settings.units or corpora.units_of(sources["corpus"] or "")
    texts = {}
    for name, one in sources.items():
        digest = getattr(result, DIGEST_OF[name])
        if (one is None) != (digest is None):
            raise InputError(
                f"{place}: {name} and {DIGEST_OF[name]} need each other, got "
                f"{shown(one)} and {shown(digest)}"
            )
        if one is not None and digest is not None:
            texts[name] = TextDigest(_absolute(one), settings.encoding, units, digest)
    return Published(settings.model_dump(), texts, result)


def _absolute(source: str) -> str:
    return source if corpora.is_named(source) else str(Path(source).absolute())

"""What a card says in TOML is what its run had, whatever the settings and the names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.errors import InputError
from bptt.markdown import blocks, fenced
from bptt.runs import published
from bptt.runs.config import Config
from bptt.runs.results import Results
from bptt.settings import Settings
from bptt.settings_file import read_file
from bptt.text.records import CorpusRecord, Split, Splits
from bptt.versions import Versions

from ...kinds import KINDS

SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
LETTERS = st.characters(exclude_categories=["Cs"])
VERSIONS = Versions.current()


def record(source: str, sha256: str, units: str) -> CorpusRecord:
    return CorpusRecord.model_validate(
        {"name": "text", "source": source, "encoding": "utf-8", "units": units, "length": 9,
         "sha256": sha256}
    )  # fmt: skip


def made(
    kind: dict, budget: float | None, sources: list[str], shas: list[str], units: str
) -> Config:
    """Return the config of a run whose validation text, if its kind can have one, is a file."""
    kind = kind | {"time_budget": budget}
    file = None if "split" in kind else sources[1]
    settings = Settings(**kind, validation_file=file) if file else Settings(**kind)
    return Config(
        **settings.model_dump(),
        corpus=record(sources[0], shas[0], units),
        parts=Splits(
            train=Split(start=0, length=9),
            validation=Split(start=0, length=9, corpus=record(file, shas[1], units))
            if file
            else None,
            test=None,
        ),
        vocabulary=["a", "b"],
        versions=VERSIONS,
    )


def outcome(final: str, best: str) -> Results:
    return Results(
        iteration=1, iterations=1, characters=1, seconds=1.0, ended=None, validation=None,
        test=None, final_weights=final, best_weights=best,
    )  # fmt: skip


PATHS = st.text(LETTERS, min_size=1).map(lambda name: str(Path("/", name)))  # "/0/" is "/0"


@given(
    st.sampled_from(KINDS),
    st.none() | st.floats(1e-9, 1e9),
    st.lists(PATHS, min_size=2, max_size=2),
    st.lists(SHA, min_size=2, max_size=2),
    st.sampled_from(["characters", "bytes"]),
    st.dictionaries(st.integers(0, 2**32 - 1), st.tuples(SHA, SHA), min_size=1),
)
def test_block_on_a_card_is_read_back_as_the_settings_and_digests(
    tmp_path_factory: pytest.TempPathFactory,
    kind: dict,
    budget: float | None,
    sources: list[str],
    shas: list[str],
    units: str,
    digests: dict[int, tuple[str, str]],
) -> None:
    config = made(kind, budget, sources, shas, units)  # not in a strategy: beartype draws, too
    results = {seed: outcome(*both) for seed, both in digests.items()}
    block = published.to_block(config, results, without=("seed",))
    folder = tmp_path_factory.getbasetemp()
    as_toml, as_card = folder / "p.toml", folder / "p.md"
    as_toml.write_bytes(block.encode())
    as_card.write_bytes(f"# Title\n\n{fenced('seed = 7')}\n\n{fenced(block, 'toml')}\n".encode())
    found = published.read(as_card)
    assert found == published.read(as_toml)
    assert read_file(as_card) == read_file(as_toml)
    expected = config.model_dump(include=set(Settings.model_fields))
    for one, (seed, result) in zip(found, results.items(), strict=True):
        assert one.settings == expected | {"seed": seed, "units": config.corpus.units}
        assert one.texts["corpus"].source == config.corpus.source
        assert one.texts["corpus"].sha256 == config.corpus.sha256
        if config.validation_file is not None:
            assert one.texts["validation_file"].source == config.validation_file
        assert one.result.final_weights == result.final_weights
        assert one.result.best_weights == result.best_weights


@given(st.lists(st.tuples(st.text("`\na =", max_size=20), st.sampled_from(["text", "toml"]))))
def test_blocks_of_a_language_are_found_among_others(parts: list[tuple[str, str]]) -> None:
    page = "\n\nbetween\n\n".join(fenced(*part) for part in parts)
    assert list(blocks(page, "toml")) == [text for text, kind in parts if kind == "toml"]


A = "a" * 64
WRONG = {
    "hidden_size = 3": "must have a [[results]] table with corpus_sha256 and final_weights",
    "results = 3": "got 3",
    f'[[results]]\nfinal_weights = "{A}"': "result 1: corpus_sha256: field required",
    f'[[results]]\ncorpus_sha256 = "{A}"\nfinal_weights = "abc"': "result 1: final_weights",
    f'[[results]]\ncorpus_sha256 = "{A}"\nfinal_weights = "{A}"\nsead = 1': "sead",
    f'hiden = 1\n[[results]]\ncorpus_sha256 = "{A}"\nfinal_weights = "{A}"': "no setting is called",
    f'engine = "C"\n[[results]]\ncorpus_sha256 = "{A}"\nfinal_weights = "{A}"': "engine",
    f'validation_file = "v"\n[[results]]\ncorpus_sha256 = "{A}"\nfinal_weights = "{A}"':
        "validation_file and validation_sha256 need each other",
    f'[[results]]\ncorpus_sha256 = "{A}"\ntest_sha256 = "{A}"\nfinal_weights = "{A}"':
        "test_file and test_sha256 need each other",
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), WRONG.items(), ids=range(len(WRONG)))
def test_file_without_what_it_needs_is_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(content)
    with pytest.raises(InputError) as caught:
        published.read(tmp_path / "p.toml")
    assert said in str(caught.value)
    assert "p.toml" in str(caught.value)


def test_card_of_an_older_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# A network\n\n| setting | value |\n")
    with pytest.raises(InputError, match=r"card.md can't be read as settings: expected a card"):
        published.read(tmp_path / "card.md")

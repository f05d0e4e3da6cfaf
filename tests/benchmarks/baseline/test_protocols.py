"""Every protocol is a file of settings; results that it records can be compared with a new run."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.baseline.campaign.protocols import PEERS, PROTOCOLS
from benchmarks.baseline.peers.settings import checked
from benchmarks.baseline.peers.settings import read as peer_settings
from benchmarks.baseline.search import SPACES, draw
from bptt.runs import published
from bptt.settings import Settings
from bptt.settings_file import RESULTS, load, read_file, to_toml

FILES = sorted(PROTOCOLS.glob("*.toml"))
PEER_FILES = sorted(PEERS.glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_protocol_has_the_settings_it_is_reproduced_with(file: Path) -> None:
    settings = Settings(**read_file(file))
    assert f"{settings.hidden_size}" == file.stem.rpartition("-")[2]
    if RESULTS in load(file):
        for one in published.read(file):
            assert one.settings == settings.model_dump() | {"seed": one.result.seed}
            assert one.texts.keys() == {"corpus"}


@pytest.mark.parametrize("file", PEER_FILES, ids=lambda file: file.stem)
def test_protocol_of_a_reference_network_has_its_settings(file: Path) -> None:
    settings = checked(peer_settings(file))
    assert f"{settings.hidden_size}" == file.stem.rpartition("-")[2]


def test_some_protocols_state_their_results() -> None:
    stated = {file.stem for file in FILES if RESULTS in load(file)}
    assert {"best-128", "notebook-128"} <= stated


@pytest.mark.parametrize("space", SPACES)
def test_drawn_settings_are_written_as_they_are_read(space: str, tmp_path: Path) -> None:
    for seed in range(20):
        settings = draw(SPACES[space], np.random.default_rng(seed), 2_000_000)
        (tmp_path / "trial.toml").write_text(to_toml(settings))
        assert read_file(tmp_path / "trial.toml") == settings

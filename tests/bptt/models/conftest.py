"""Small finished runs for the tests of models, each trained once."""

import pytest

from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle

from ...program import TEXT
from .kinds import KINDS


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """Return a run of each kind; the text has an é, which is two bytes. Nothing is drawn."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "text.txt").write_text("Sélavy. " * 5 + TEXT * 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "draw", lambda *_: None)
        return {
            name: lifecycle.begin(str(folder / "text.txt"), given, folder / name)
            for name, given in KINDS.items()
        }

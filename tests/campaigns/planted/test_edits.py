"""Every planted edit still has its place in the source."""

import pytest

from .__main__ import ENGINES, ROOT, edits


@pytest.mark.parametrize("engine", ENGINES)
def test_each_edit_changes_its_file(engine: str) -> None:
    planted = edits(engine)
    assert len({edit.name for edit in planted}) == len(planted)
    for edit in planted:
        source = (ROOT / edit.file).read_text()
        assert edit.behind in source, edit.name
        assert edit.old in source[source.index(edit.behind) :], edit.name
        assert edit.old != edit.new, edit.name

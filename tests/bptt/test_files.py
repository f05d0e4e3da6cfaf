"""Files are whole or not there."""

import contextlib
from pathlib import Path

from bptt import files


def test_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with files.writing(tmp_path / "file") as first:
        first.write(b"first, ")
        with files.writing(tmp_path / "file") as second:
            second.write(b"second")
        assert (tmp_path / "file").read_bytes() == b"second"
        first.write(b"whole")
    assert (tmp_path / "file").read_bytes() == b"first, whole"
    with contextlib.suppress(KeyboardInterrupt), files.writing(tmp_path / "file") as third:
        third.write(b"third")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert (tmp_path / "file").read_bytes() == b"first, whole"

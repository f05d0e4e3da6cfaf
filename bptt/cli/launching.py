"""What `bptt train` begins or goes on with: one run, several seeds, or a share of torchrun's."""

from pathlib import Path
from typing import Any

from .. import running, seeds
from ..errors import InputError
from ..group import Group
from ..seeds_folder import SeedsFolder
from ..settings import over, read_file


def lead(
    corpus: str | None,
    given: dict[str, Any],
    number: int | None,
    jobs: int | None,
    settings_file: Path | None,
    out: Path | None,
    resume: Path | None,
    group: Group,
) -> None:
    if resume is None:
        from_file = {} if settings_file is None else read_file(settings_file)
        source = from_file.pop("corpus", None)
        _begin(corpus or source, over(from_file, given), out, number, jobs, group)
    elif settings_file is None and out is None:
        _go_on(resume, corpus, given, number, jobs, group)
    else:
        name = "--out" if settings_file is None else "--config"
        raise InputError(f"a resumed run keeps its folder and its settings, got {name}")


def _begin(
    source: str | None,
    given: dict[str, Any],
    out: Path | None,
    number: int | None,
    jobs: int | None,
    group: Group,
) -> None:
    if number is not None:
        _refuse_several_processes(group)
        seeds.begin(source, given, number, out, jobs or 1)
    elif jobs is None:
        running.begin(source, given, out, group)
    else:
        raise InputError(f"--jobs needs --seeds: one run is one process, got --jobs {jobs}")


def _go_on(
    path: Path,
    source: str | None,
    given: dict[str, Any],
    number: int | None,
    jobs: int | None,
    group: Group,
) -> None:
    many = SeedsFolder(path).exists()
    if number is not None:
        kept = "keeps its seeds" if many else "is of one seed"
        raise InputError(f"{path} {kept}: --seeds can't be given with --resume")
    if many:
        _refuse_several_processes(group)
        seeds.go_on(path, source, given, jobs or 1)
    elif jobs is None:
        running.go_on(path, source, given, group)
    else:
        raise InputError(f"{path} is one run, which is one process, got --jobs {jobs}")


def _refuse_several_processes(group: Group) -> None:
    if group.size > 1:
        raise InputError(
            f"several seeds are several runs, and torchrun shares one among {group.size} processes"
        )

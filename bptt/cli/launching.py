"""What `bptt train` starts or resumes: one run, several seeds, or a worker of torchrun."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..engines.processes import ProcessGroup
from ..errors import InputError
from ..experiments import seeds
from ..experiments.seeds_folder import SeedsFolder
from ..runs.config import Config
from ..runs.data import records
from ..sessions import lifecycle
from ..settings_file import over, read_file
from ..text.corpora import STANDARD_INPUT
from ..text.library import Library, is_missing, missing


def lead(
    corpus: str | None,
    given: dict[str, Any],
    number: int | None,
    jobs: int | None,
    settings_file: Path | None,
    out: Path | None,
    resume: Path | None,
    group: ProcessGroup,
) -> None:
    if resume is None:
        library = Library()
        chosen = given if corpus is None else {**given, "corpus": corpus}
        from_file = {} if settings_file is None else _read(settings_file, chosen, library)
        source = from_file.pop("corpus", None)
        _begin(corpus or source, over(from_file, given), out, number, jobs, group, library)
    elif settings_file is None and out is None:
        _go_on(resume, corpus, given, number, jobs, group)
    else:
        name = "--out" if settings_file is None else "--config"
        raise InputError(f"a resumed run keeps its folder and its settings, got {name}")


def _read(file: Path, given: dict[str, Any], library: Library) -> dict[str, Any]:
    """Read settings; the texts of a run that nobody gives are named where they lie now."""
    settings = read_file(file)
    try:
        config = Config.model_validate_json(file.read_bytes())
    except ValidationError:
        return settings  # no run's, or only some of it
    for name, record in records(config).items():
        if name in given or record.source == STANDARD_INPUT:
            continue
        text = library.search(record, file.parent)
        if text is not None:
            settings[name] = text.source
        elif is_missing(record.source):
            option = "TEXT" if name == "corpus" else f"--{name.replace('_', '-')} FILE"
            raise InputError(missing(record, file.parent, f"Name another: bptt train {option} …"))
        else:
            library.note(f"{record.source} isn't the text any more that {file} was made with")
    return settings


def _begin(
    source: str | None,
    given: dict[str, Any],
    out: Path | None,
    number: int | None,
    jobs: int | None,
    group: ProcessGroup,
    library: Library,
) -> None:
    if number is not None:
        _refuse_several_processes(group)
        seeds.begin(source, given, number, out, jobs or 1, library)
    elif jobs is None:
        lifecycle.begin(source, given, out, group, library)
    else:
        raise InputError(f"--jobs needs --seeds: one run is one process, got --jobs {jobs}")


def _go_on(
    path: Path,
    source: str | None,
    given: dict[str, Any],
    number: int | None,
    jobs: int | None,
    group: ProcessGroup,
) -> None:
    many = SeedsFolder(path).exists()
    if number is not None:
        kept = "keeps its seeds" if many else "is of one seed"
        raise InputError(f"{path} {kept}: --seeds can't be given with --resume")
    if many:
        _refuse_several_processes(group)
        seeds.resume(path, source, given, jobs or 1)
    elif jobs is None:
        lifecycle.resume(path, source, given, group)
    else:
        raise InputError(f"{path} is one run, which is one process, got --jobs {jobs}")


def _refuse_several_processes(group: ProcessGroup) -> None:
    if group.size > 1:
        raise InputError(
            f"several seeds are several runs, and torchrun shares one among {group.size} processes"
        )

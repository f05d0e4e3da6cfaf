"""Load a problem factory from `path/to/file.py:problem`, or from a callable."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bptt.errors import InputError

from .calls import CaseError, call

IMPORT_FACTOR = 12.0  # times the limit of a call: imports of libraries can take long
EXPECTED = "expected problem(T, H, ..., rng): sizes by name, and a NumPy generator called rng"


@dataclass(frozen=True)
class ProblemFactory:
    """A function that makes problems, with the names of its sizes.

    `target` is the text that names it in reports: `file.py:problem` or the name of a callable.
    """

    function: Callable[..., Any]
    size_names: tuple[str, ...]
    target: str

    @property
    def counts_one_step(self) -> bool:
        """Whether it takes `counted`, for problems whose loss is that of one step only."""
        return "counted" in inspect.signature(self.function).parameters

    @property
    def is_file(self) -> bool:
        return ".py:" in self.target


def load(target: str | Callable[..., Any], limit: float = 60.0) -> ProblemFactory:
    """Return the problem factory that `target` names; `limit` is a call's, in seconds.

    Raises InputError where the file can't be imported (with its traceback), has no such name, or
    the callable's signature can't be used.
    """
    if not isinstance(target, str):
        name = getattr(target, "__qualname__", type(target).__name__)
        return ProblemFactory(target, size_names(target, name), name)
    path, _, name = target.rpartition(":")
    if not path:
        raise InputError(f"expected FILE.py:NAME, such as gru.py:problem, got {target}")
    module = import_file(Path(path), IMPORT_FACTOR * limit)
    if not hasattr(module, name):
        theirs = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise InputError(
            f"{path} has no {name}; it has {', '.join(theirs) or 'no functions at all'}"
        )
    function = getattr(module, name)
    return ProblemFactory(function, size_names(function, target), target)


def import_file(path: Path, limit: float) -> Any:
    """Import a file under a name of its own; it can import the modules in its folder."""
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"verified_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        call(f"importing {path}", spec.loader.exec_module, module, limit=limit)
    except CaseError as trouble:
        missing = trouble.__cause__
        advice = ""
        if isinstance(missing, ModuleNotFoundError) and missing.name:
            advice = f"\nIf it is a library, install it: pip install {missing.name.split('.')[0]}"
        raise InputError(
            f"{path} can't be imported: {trouble.message}\n{trouble.detail}{advice}"
        ) from trouble
    return module


def size_names(function: Any, called: str) -> tuple[str, ...]:
    """Return the names of the sizes: the parameters without a default, except rng."""
    if not callable(function):
        raise InputError(f"{called} is no function but {type(function).__name__}; {EXPECTED}")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise InputError(f"{called} has no signature to read; {EXPECTED}") from error
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if any(p.kind in variadic or p.kind is p.POSITIONAL_ONLY for p in parameters):
        raise InputError(f"{called}{inspect.signature(function)}: {EXPECTED}")
    if "rng" not in [p.name for p in parameters]:
        raise InputError(f"{called}{inspect.signature(function)} takes no rng; {EXPECTED}")
    return tuple(p.name for p in parameters if p.default is p.empty and p.name != "rng")

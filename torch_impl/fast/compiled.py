"""Compilation: what every kernel of the engine is compiled with, and where the result is kept."""

import hashlib
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.extending import register_jitable


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# numba looks only at the time and size of the file of the outermost function; a changed callee,
# or an upgraded package whose files carry a fixed time, would go on running the old code.
SOURCES = _digest_of_sources()


class CacheFolderWarning(UserWarning):
    """Compiled kernels can't be kept or read: this process compiles them again."""


def _warn(error: Exception) -> None:
    warnings.warn(
        f"compiled kernels can't be kept on disk ({error}); set NUMBA_CACHE_DIR to a folder that "
        f"can be written, or each process spends seconds compiling",
        CacheFolderWarning,
        stacklevel=3,
    )


class _Cache(FunctionCache):
    """numba's cache of a function, keyed by all sources here; a bad folder only warns."""

    def _index_key(self, sig, codegen) -> Any:
        return (*super()._index_key(sig, codegen), SOURCES)

    def load_overload(self, sig, target_context):
        try:
            return super().load_overload(sig, target_context)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            _warn(error)
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            _warn(error)


def kernel(function: Callable) -> Callable:
    """Compile an entry point, without the interpreter's lock, and keep the result on disk.

    Warns with CacheFolderWarning, and compiles in each process, where no folder can be written.
    """
    dispatcher: Any = numba.njit(nogil=True)(function)
    try:
        dispatcher._cache = _Cache(function)
    except RuntimeError as error:
        _warn(error)
    return dispatcher


# Parts are called from kernels only: doors from Python and C into each would take a fifth of the
# time that compiling takes.
part = register_jitable(no_cfunc_wrapper=True)
inlined = register_jitable(no_cfunc_wrapper=True, forceinline=True)  # keeps vectors in registers

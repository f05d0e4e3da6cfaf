"""Compilation: what every kernel of the engine is compiled with, and where the result is kept."""

import hashlib
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.extending import register_jitable


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].glob("*/**/*.py")):
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


ENVIRONMENT = "NumbaEnv"  # in the names of the cells that hold functions' environments


class _PartLibrary(JITCodeLibrary):
    """A part's code: never run, only linked into kernels, which optimise it together with theirs.

    numba would optimise each part with all it calls, and make machine code of it: a third of the
    time that compiling takes.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True
        # numba writes each function's environment into a cell, whose address must exist.
        names = [cell.name for cell in self._final_module.global_variables]
        cells = [f'@"{name}" = common global i8* null' for name in names if ENVIRONMENT in name]
        self._codegen._add_module(llvmlite.binding.parse_assembly("\n".join(cells)))
        self._finalize_specific()

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0


class _PartCompiler(Compiler):
    def __init__(self, typingctx, targetctx, library, *rest) -> None:
        super().__init__(typingctx, targetctx, _PartLibrary(targetctx.codegen(), "part"), *rest)


# Parts are called from kernels only: no doors from Python and C lead into them.
part = register_jitable(no_cfunc_wrapper=True, pipeline_class=_PartCompiler)
# What is inlined keeps vectors in registers.
inlined = register_jitable(no_cfunc_wrapper=True, pipeline_class=_PartCompiler, forceinline=True)

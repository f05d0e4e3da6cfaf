"""The decorators that compile kernels and functions called by them, and the cache on disk."""

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


# numba's cache checks only the modification time and size of the outermost function's file. After
# a change to a callee, or an upgrade to files with a fixed time stamp, it would run the old code.
SOURCES = _digest_of_sources()


class CacheFolderWarning(UserWarning):
    """The kernel cache can't be written or read, so this process compiles the kernels again."""


def _warn(error: Exception) -> None:
    warnings.warn(
        f"compiled kernels can't be kept on disk ({error}); set NUMBA_CACHE_DIR to a folder that "
        f"can be written, or each process spends seconds compiling",
        CacheFolderWarning,
        stacklevel=3,
    )


class _Cache(FunctionCache):
    """numba's cache of a function, keyed by a hash of all sources; a bad folder only warns."""

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
    """Compile a function that Python calls; it releases the GIL and is cached on disk.

    Warns with CacheFolderWarning where no cache folder can be written; each process then compiles
    it again.
    """
    dispatcher: Any = numba.njit(nogil=True)(function)
    try:
        dispatcher._cache = _Cache(function)
    except RuntimeError as error:
        _warn(error)
    return dispatcher


ENVIRONMENT = "NumbaEnv"  # occurs in the names of the globals that hold function environments


class _InternalLibrary(JITCodeLibrary):
    """The code of an internal function: linked into kernels and optimised there, never run alone.

    By default numba would also optimise each internal function with all its callees and generate
    machine code for it, which takes a third of the compile time.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True
        # numba stores each function's environment in a global, whose address must exist.
        names = [cell.name for cell in self._final_module.global_variables]
        cells = [f'@"{name}" = common global i8* null' for name in names if ENVIRONMENT in name]
        self._codegen._add_module(llvmlite.binding.parse_assembly("\n".join(cells)))
        self._finalize_specific()

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0


class _InternalCompiler(Compiler):
    def __init__(self, typingctx, targetctx, library, *rest) -> None:
        super().__init__(
            typingctx, targetctx, _InternalLibrary(targetctx.codegen(), "internal"), *rest
        )


# Functions called from kernels only, so no wrappers for Python or C are compiled.
internal = register_jitable(no_cfunc_wrapper=True, pipeline_class=_InternalCompiler)
# The same, always inlined, so that vectors stay in registers across the call.
inlined = register_jitable(
    no_cfunc_wrapper=True, pipeline_class=_InternalCompiler, forceinline=True
)

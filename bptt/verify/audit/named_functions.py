"""Find a backward pass that the user named, and redirect every call of it.

A name is `file.py:function`, `package.module:function` or `file.py:Class.method`; it may also name
a torch.autograd.Function or a custom operator, which are wrapped anyway.
"""

import importlib
import inspect
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from .interception import Interception
from .torch_functions import key_of

_numbers = itertools.count()


class NotFoundError(Exception):
    """A name that leads to no function; the message says what was expected and where."""


class NamedFunctions:
    """The backward passes that the user named. `keys` has those found so far, by name."""

    def __init__(self, names: list[str], interception: Interception) -> None:
        self.interception = interception
        self.pending = list(names)
        self.keys: dict[str, str] = {}

    def attach(self) -> None:
        """Redirect the functions whose file is imported by now. Raises NotFoundError."""
        for name in list(self.pending):
            module = _module(name)
            if module is None:
                continue
            self.pending.remove(name)
            target = _attribute(module, name)
            self.keys[name] = _torch_key(target) or self._redirected(name, target)

    def _redirected(self, name: str, target: Any) -> str:
        redirect(
            target,
            lambda original: self.interception.wrapped(name, original, may_have_loss=True),
        )
        return name


def _module(name: str) -> ModuleType | None:
    """Return the module a name begins with; None for a file that isn't imported yet."""
    where, _, attribute = name.rpartition(":")
    if not where or not attribute:
        raise NotFoundError(f"--backward: expected FILE.py:FUNCTION or MODULE:FUNCTION, got {name}")
    if not where.endswith(".py"):
        try:
            return importlib.import_module(where)
        except ImportError as error:
            raise NotFoundError(f"--backward {name}: can't import {where}: {error}") from error
    path = Path(where).resolve()
    if not path.is_file():
        raise NotFoundError(f"--backward {name}: there is no file {where}")
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).resolve() == path:
            return module
    return None


def _attribute(module: ModuleType, name: str) -> Any:
    found: Any = module
    for part in name.rpartition(":")[2].split("."):
        if part == "backward" and _torch_key(found) is not None:
            return found
        inner = vars(found).get(part) if isinstance(found, type) else None
        found = getattr(found, part, None) if inner is None else inner
        if found is None:
            theirs = [key for key, value in vars(module).items() if _is_own(value, module)]
            raise NotFoundError(
                f"--backward {name}: there is no {part}; "
                f"{module.__name__} has {', '.join(theirs) or 'no functions'}"
            )
    if isinstance(found, staticmethod | classmethod):
        return found.__func__
    if not callable(found) or (isinstance(found, type) and _torch_key(found) is None):
        got = "a class: name its method" if isinstance(found, type) else type(found).__name__
        raise NotFoundError(f"--backward {name}: expected a function, got {got}")
    return found


def _is_own(value: Any, module: ModuleType) -> bool:
    is_code = inspect.isfunction(value) or inspect.isclass(value)
    return is_code and value.__module__ == module.__name__


def _torch_key(target: Any) -> str | None:
    """Return the name under which a torch Function or a custom operator is wrapped, if it is."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    owner = getattr(target, "__self__", target)  # MyFunction.apply belongs to MyFunction
    if isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
        return key_of(owner)
    return getattr(target, "_qualname", None)  # of a torch.library.custom_op


def redirect(target: Any, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Make every call of a function call `wrap(function)` instead.

    A Python function gets other code, so that it doesn't matter by which name or from which list
    it is called. Anything else is replaced wherever a module has a name for it.
    """
    if not isinstance(target, FunctionType):
        wrapped = wrap(target)
        for module in list(sys.modules.values()):
            for name, value in list(getattr(module, "__dict__", {}).items()):
                if value is target:
                    setattr(module, name, wrapped)
        return
    original = FunctionType(
        target.__code__, target.__globals__, target.__name__, target.__defaults__,
        target.__closure__,
    )  # fmt: skip
    original.__kwdefaults__ = target.__kwdefaults__
    place = f"__bptt_audited_{next(_numbers)}__"
    target.__globals__[place] = wrap(original)
    target.__signature__ = inspect.signature(original)  # pyright: ignore[reportFunctionMemberAccess]
    source = f"def stub(*arguments, **options): return {place}(*arguments, **options)"
    made: dict[str, Any] = {}
    exec(compile(source, "<bptt audit>", "exec"), made)
    free = target.__code__.co_freevars  # Python asks for as many as before
    target.__code__ = made["stub"].__code__.replace(co_freevars=free, co_name=target.__name__)

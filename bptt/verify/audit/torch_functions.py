"""Wrap the backward pass of every torch.autograd.Function of the user's, and of custom operators.

A custom operator's backward pass is a Function that torch generates when it is registered. Calls
that bypass autograd, such as `MyFunction.backward(ctx, grad)`, are seen as well.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .interception import Interception

GENERATED = "GeneratedBackwardFor_"  # how torch.library names its Functions
MARK = "__bptt_audited__"


class FunctionWrapper:
    """Wraps each Function once: those that exist, and those made while a test runs."""

    def __init__(self, interception: Interception) -> None:
        self.interception = interception
        self._is_watching = False

    def attach(self) -> None:
        """Wrap all Functions that exist now, if torch is imported at all."""
        torch = sys.modules.get("torch")
        if torch is None:
            return
        for cls in list(_subclasses(torch.autograd.Function)):
            self._wrap(cls)
        if not self._is_watching:
            self._is_watching = True
            self._watch(type(torch.autograd.Function))

    def _watch(self, metaclass: type) -> None:
        before = metaclass.__init__

        def made(cls: Any, *arguments: Any, **options: Any) -> None:
            before(cls, *arguments, **options)
            self._wrap(cls)

        metaclass.__init__ = made  # pyright: ignore[reportAttributeAccessIssue]

    def _wrap(self, cls: Any) -> None:
        if not is_users(cls):
            return
        for name in ("backward", "vjp"):
            if name not in vars(cls):
                continue
            function = getattr(cls, name)
            if hasattr(function, MARK):
                continue
            wrapped = self.interception.wrapped(key_of(cls), function, input_names(cls))
            functools.update_wrapper(wrapped, function)
            setattr(wrapped, MARK, True)
            setattr(cls, name, staticmethod(wrapped))

    def known(self) -> list[str]:
        """Return the names of all of the user's Functions, called or not."""
        torch = sys.modules.get("torch")
        if torch is None:
            return []
        return sorted(
            {
                key_of(cls)
                for cls in _subclasses(torch.autograd.Function)
                if is_users(cls) and not is_operator(cls)
            }
        )


def _subclasses(cls: type) -> Iterator[type]:
    for below in type.__subclasses__(cls):
        yield below
        yield from _subclasses(below)


def is_operator(cls: type) -> bool:
    return cls.__name__.startswith(GENERATED)


def is_users(cls: type) -> bool:
    """Return whether a Function isn't part of torch itself, or belongs to a custom operator."""
    return is_operator(cls) or cls.__module__.partition(".")[0] != "torch"


def key_of(cls: Any) -> str:
    """Return the name of a Function, or that of the custom operator it was generated for."""
    schema = _schema(cls)
    return cls.__qualname__.replace("<locals>.", "") if schema is None else schema.name


def input_names(cls: Any) -> tuple[str, ...]:
    """Return the names of the inputs, in whose order the gradients are returned."""
    schema = _schema(cls)
    if schema is not None:
        return (*(argument.name for argument in schema.arguments), "metadata")
    try:
        arguments = list(inspect.signature(cls.forward).parameters.values())
    except (TypeError, ValueError):
        return ()
    if any(argument.kind is argument.VAR_POSITIONAL for argument in arguments):
        return ()
    base: Callable[..., Any] = sys.modules["torch"].autograd.Function.setup_context
    if cls.setup_context is base:
        arguments = arguments[1:]  # ctx
    return tuple(argument.name for argument in arguments)


def _schema(cls: Any) -> Any:
    """Return the schema of the operator that a generated Function serves, else None."""
    function = cls.forward if is_operator(cls) else None
    while function is not None:
        inner = inspect.getclosurevars(function).nonlocals
        if "op" in inner:
            return getattr(inner["op"], "_schema", None)
        function = inner.get("orig_forward")  # around which torch wraps lists of tensors
    return None

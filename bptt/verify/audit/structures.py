"""Gradients in what a backward pass returned: arrays, and tuples, dicts and dataclasses of them."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from . import arrays

Change = Callable[[str, Any], Any]


def changed(
    returned: Any, change: Change, names: Sequence[str] = (), may_have_loss: bool = False
) -> Any:
    """Return the same structure with each gradient replaced by `change(name, gradient)`.

    `names` are those of a tuple's elements. With `may_have_loss`, the first element of a tuple is
    left alone as the loss if it is a number beside gradients that are arrays.
    """
    if may_have_loss and isinstance(returned, tuple | list) and _starts_with_loss(returned):
        rest = [_place(place) for place in range(1, len(returned))]
        if len(rest) == 1 and not arrays.is_gradient(returned[1]):
            rest = [""]  # (loss, gradients): these have names of their own
        return _rebuilt(returned, [returned[0], *_changed(returned[1:], change, "", rest)])
    name = (names[0] if names else "gradient") if arrays.is_gradient(returned) else ""
    return _changed(returned, change, name, names)


def gradients_in(
    returned: Any, names: Sequence[str] = (), may_have_loss: bool = False
) -> dict[str, Any]:
    """Return the gradients by name, in the structure's order."""
    found: dict[str, Any] = {}
    changed(returned, found.setdefault, names, may_have_loss)
    return found


def _changed(value: Any, change: Change, name: str, names: Sequence[str] = ()) -> Any:
    if arrays.is_gradient(value):
        return change(name, value)
    if isinstance(value, tuple | list):
        fields = getattr(value, "_fields", None) or names
        if len(fields) != len(value):
            fields = [_place(place) for place in range(len(value))]
        return _rebuilt(
            value,
            [
                _changed(one, change, _joined(name, field))
                for one, field in zip(value, fields, strict=True)
            ],
        )
    if isinstance(value, dict):
        rest = {key: _changed(one, change, _joined(name, str(key))) for key, one in value.items()}
        new = copy.copy(value)
        new.update(rest)
        return new
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        new = copy.copy(value)
        for field in dataclasses.fields(value):
            one = _changed(getattr(value, field.name), change, _joined(name, field.name))
            object.__setattr__(new, field.name, one)
        return new
    return value


def _rebuilt(like: Any, values: list[Any]) -> Any:
    if hasattr(like, "_make"):
        return like._make(values)
    return type(like)(values)


def _starts_with_loss(values: Sequence[Any]) -> bool:
    if hasattr(values, "_fields") or len(values) < 2:
        return False
    first, *rest = values
    has_arrays = any(arrays.shape_of(one) for value in rest for one in gradients_in(value).values())
    return arrays.is_gradient(first) and arrays.shape_of(first) == () and has_arrays


def _place(number: int) -> str:
    return f"[{number}]"


def _joined(name: str, field: str) -> str:
    if not name or field.startswith("["):
        return f"{name}{field}"
    return f"{name}.{field}"

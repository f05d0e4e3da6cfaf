"""Arrays inside lists, tuples and dicts: arguments and outputs of a function, and its gradients."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checker.calls import MISSHAPEN, CaseError
from ..checker.evaluated_problem import is_tensor

# How a dict of gradients may call that of an input.
NAMES = ("{}", "d{}", "d_{}", "grad_{}", "{}_grad", "{}.grad", "g{}", "g_{}")


@dataclass(frozen=True)
class Leaf:
    """In place of an array, or of anything else that is no container of arrays."""

    place: int


def as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def flat(outputs: Any) -> tuple[Any, ...]:
    """Return the outputs of a function one after another, those inside of containers, too."""
    return tuple(_leaves(outputs))


def _leaves(value: Any) -> Iterator[Any]:
    items = _items(value)
    if items is None:
        yield value
    else:
        for _, item in items:
            yield from _leaves(item)


def _items(value: Any) -> list[tuple[Any, Any]] | None:
    """Return the keys and items of a container; None for anything else."""
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, tuple | list) else None


def _like(value: Any, items: list[Any]) -> Any:
    """Return a container of the type of `value` with other items."""
    if isinstance(value, Mapping):
        return dict(zip(value, items, strict=True))
    made: Callable[..., Any] = getattr(type(value), "_make", type(value))  # of a named tuple
    return made(items)


class Arguments:
    """The arguments of a function, with its flat inputs inside of lists, tuples and dicts.

    `names` are those of the arguments, as far as they are known; `flat_names` those of the inputs:
    `x`, `state[0]`, `weights['W']`.
    """

    def __init__(self, drawn: Sequence[Any], names: Sequence[str]) -> None:
        self.names = tuple(name_of(place, names) for place in range(len(drawn)))
        self.values: list[Any] = []
        self.flat_names: list[str] = []
        self.forms = tuple(map(self._form, drawn, self.names))

    def _form(self, value: Any, name: str) -> Any:
        items = _items(value)
        if items is None or not any(map(is_array, _leaves(value))):
            self.values.append(value)
            self.flat_names.append(name)
            return Leaf(len(self.values) - 1)
        return _like(value, [self._form(item, f"{name}[{key!r}]") for key, item in items])

    def given(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arguments with these inputs; inputs beyond theirs, of a module, follow."""
        return (*(self._filled(form, inputs) for form in self.forms), *inputs[len(self.values) :])

    def _filled(self, form: Any, inputs: Sequence[Any]) -> Any:
        if isinstance(form, Leaf):
            return inputs[form.place]
        items = _items(form) or []
        return _like(form, [self._filled(item, inputs) for _, item in items])

    def flat_gradients(self, found: Any, verified: Collection[int]) -> dict[int, Any]:
        """Assign gradients to inputs, by position.

        They are a dict by the names of the arguments (`w`, `dw`, `d_w`, `grad_w`, ...), or in the
        order of all arguments, of those with an input to be verified, or of the first of these, if
        that is a container. Each has the form of its argument. Raises CaseError where they fit none
        of these.
        """
        if isinstance(found, Mapping):
            by_name = {
                place: key
                for place, name in enumerate(self.names)
                if (key := _key(found, name)) is not None
            }
            if by_name and len(by_name) == len(found):
                return self._assigned([(place, found[key]) for place, key in by_name.items()])
        several = [place for place, form in enumerate(self.forms) if _places(form) & set(verified)]
        first = [place for place in several[:1] if not isinstance(self.forms[place], Leaf)]
        slopes = as_tuple(found)
        attempts = [
            list(zip(places, these, strict=True))
            for places, these in (
                (range(len(self.forms)), slopes),
                (several, slopes),
            )
            if len(places) == len(these) and not isinstance(found, Mapping)
        ]
        for attempt in (*attempts, [(place, found) for place in first]):
            if attempt and all(self._fits(self.forms[place], slope) for place, slope in attempt):
                return self._assigned(attempt)
        if attempts:
            return self._assigned(attempts[0])
        names = [self.names[place] for place in several]
        constants = f"; if those of others are constants: wrt=[{names[0]!r}]"
        raise CaseError(MISSHAPEN, _expected(names, found) + constants)

    def _fits(self, form: Any, slope: Any) -> bool:
        """Whether a gradient has the form of its argument."""
        if slope is None:
            return True
        if isinstance(form, Leaf):
            shape = getattr(self.values[form.place], "shape", None)
            return shape is None or (_items(slope) is None and np.shape(slope) == tuple(shape))
        items, given = _items(form) or [], _items(slope)
        if given is None or len(given) != len(items):
            return False
        keys = [_key(slope, key) if isinstance(slope, Mapping) else key for key, _ in items]
        return None not in keys and all(
            self._fits(item, slope[key]) for key, (_, item) in zip(keys, items, strict=True)
        )

    def _assigned(self, pairs: Sequence[tuple[int, Any]]) -> dict[int, Any]:
        found: dict[int, Any] = {}
        for place, slope in pairs:
            self._assign(self.forms[place], slope, self.names[place], found)
        return found

    def _assign(self, form: Any, slope: Any, name: str, found: dict[int, Any]) -> None:
        if slope is None or isinstance(form, Leaf):
            for place in _places(form):
                found[place] = slope
            return
        items = _items(form) or []
        given = _items(slope)
        if given is None or len(given) != len(items):
            raise CaseError(MISSHAPEN, _expected([f"{name}[{key!r}]" for key, _ in items], slope))
        for key, item in items:
            own = _key(slope, key) if isinstance(slope, Mapping) else key
            if own is None:
                raise CaseError(MISSHAPEN, _expected([str(key) for key, _ in items], slope))
            self._assign(item, slope[own], f"{name}[{key!r}]", found)


def _places(form: Any) -> set[int]:
    return {leaf.place for leaf in _leaves(form)}


def _key(given: Mapping[Any, Any], name: Any) -> Any:
    """Return the key of the gradient of an input of this name, None if there is none."""
    keys = [name] if not isinstance(name, str) else [form.format(name) for form in NAMES]
    return next((key for key in keys if key in given), None)


def _expected(names: Sequence[str], found: Any) -> str:
    if isinstance(found, Mapping):
        got = ", ".join(map(repr, found))
        how = " under these names, or with d or grad_ before them"
    else:
        got, how = str(len(as_tuple(found))), ""
    return f"expected {len(names)} gradients, of {', '.join(names)}{how}, got {got}"


def name_of(place: int, names: Sequence[str]) -> str:
    return names[place] if place < len(names) else f"input {place}"


def is_array(value: Any) -> bool:
    return is_tensor(value) or isinstance(value, np.ndarray)

"""Damage to files, that knows how they are made: bytes, JSON, TOML, safetensors."""

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np

Mutation = Callable[[random.Random], bytes]

# In the place of a value in JSON, as it is written there.
JSON_VALUES = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e308", "-1", "0", "-0", "1", "1.5",
    "9" * 20, "9" * 5000, "1" + "0" * 30, "1e-400", "true", "null", '""', '"a"', '"\\ud800"',
    '"\\u0000"', '"../../etc/passwd"', '"-"', "[]", "{}", "[[]]", '[""]', '{"a": 1}',
    "[" * 300 + "]" * 300,
    "[" * 100_000, '{"a":' * 3000 + "1" + "}" * 3000, '"' + "x" * 100_000 + '"',
)  # fmt: skip
TOML_VALUES = (
    "nan", "inf", "-inf", "1e999", "0x" + "f" * 5000, "9" * 5000, "-1", "0", "1.0", "true", '""',
    "'none'", "[]", "{}", "[[1]]", "1979-05-27T07:32:00Z", "07:32:00", '"\\ud800"', '"\\u0000"',
    "[" * 3000 + "]" * 3000, "{a = " * 500 + "1" + "}" * 500, "'" + "x" * 100_000 + "'", "", '"""',
)  # fmt: skip
TOML_LINES = (
    "[corpus]", "[[corpus]]", "a.b.c = 1", ".".join("a" * 1000) + " = 1", "hiden_size = 3", "= 1",
    "hidden_size", "corpus = 3", "hidden-size = 3", '"\\ud83d" = 1', "'' = 1",
    "x" * 10_000 + " = 1",
)  # fmt: skip


def of_bytes(content: bytes) -> Mutation:
    """One to four changes anywhere: flipped, cut, inserted, repeated, moved, overwritten."""

    def mutate(rng: random.Random) -> bytes:
        changed = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            _change(changed, rng)
        return bytes(changed)

    return mutate


def _change(content: bytearray, rng: random.Random) -> None:
    start, end = sorted(rng.randint(0, len(content)) for _ in range(2))
    match rng.randrange(7):
        case 0 if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        case 1:
            del content[start:]
        case 2:
            del content[start:end]
        case 3:
            content[start:start] = rng.randbytes(rng.randint(1, 64))
        case 4:
            content[start:start] = content[start:end] * rng.randint(1, 3)
        case 5:
            content[start:end] = rng.choice((b"\0", b"\xff", b"\xed\xa0\x80")) * (end - start)
        case _:
            piece = content[start:end]
            del content[start:end]
            place = rng.randint(0, len(content))
            content[place:place] = piece


def dumped(value: Any, **how: Any) -> str:
    """Write as JSON; a _Raw stands as it is."""
    pieces: list[str] = []

    def put_aside(raw: object) -> str:
        assert isinstance(raw, _Raw)
        pieces.append(raw.text)
        return f"@{len(pieces) - 1}@"

    text = json.dumps(value, default=put_aside, **how)
    for place, piece in enumerate(pieces):
        text = text.replace(f'"@{place}@"', piece)
    return text


class _Raw:
    """A piece of JSON that json.dumps would not write."""

    def __init__(self, text: str) -> None:
        self.text = text


def of_json(content: bytes) -> Mutation:
    """Change bytes, or up to three values of what it says."""
    anywhere = of_bytes(content)

    def mutate(rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return anywhere(rng)
        value = json.loads(content)
        for _ in range(rng.randint(1, 3)):
            change_a_value(value, rng)
        return dumped(value).encode("utf-8", "surrogatepass")

    return mutate


def of_json_lines(content: bytes) -> Mutation:
    lines = content.splitlines()

    def mutate(rng: random.Random) -> bytes:
        changed = list(lines)
        place = rng.randrange(len(lines))
        changed[place] = of_json(lines[place])(rng)
        return b"\n".join(changed) + b"\n" * rng.randint(0, 1)

    return mutate


def change_a_value(value: Any, rng: random.Random) -> None:
    """Replace, remove, add or rename something somewhere in an object of JSON."""
    inside = [value]
    _collect(value, inside)
    holder = rng.choice(inside)
    keys = list(range(len(holder))) if isinstance(holder, list) else sorted(holder, key=str)
    raw = _Raw(rng.choice(JSON_VALUES))
    kind = rng.randrange(8)
    if not keys or kind == 0:
        if isinstance(holder, list):
            holder.append(raw)
        else:
            holder[rng.choice(("", "extra", "\ud800", "__class__", "x" * 10_000))] = raw
        return
    key = rng.choice(keys)
    if kind == 1:
        del holder[key]
    elif kind == 2:
        other = rng.choice(keys)
        holder[key], holder[other] = holder[other], holder[key]
    else:
        holder[key] = raw


def _collect(value: Any, inside: list) -> None:
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, (dict, list)):
            inside.append(one)
            _collect(one, inside)


def of_toml(content: bytes) -> Mutation:
    """Change bytes, or up to three lines."""
    anywhere, lines = of_bytes(content), content.decode().splitlines()

    def mutate(rng: random.Random) -> bytes:
        if rng.random() < 0.2:
            return anywhere(rng)
        # Few settings at a time, so that not every file has a conflict in it.
        changed = rng.sample(lines, rng.randint(1, len(lines)))
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(changed))
            kind = rng.randrange(6)
            if kind == 0:
                changed.insert(place, rng.choice(TOML_LINES))
            elif kind == 1:
                changed.insert(place, rng.choice(changed))
            elif kind == 2:
                changed[place] = changed[place].replace("_", "-")
            else:
                changed[place] = f"{changed[place].split(' ')[0]} = {rng.choice(TOML_VALUES)}"
        return "\n".join(changed).encode("utf-8", "surrogatepass")

    return mutate


def of_safetensors(content: bytes) -> Mutation:
    """Change the header's length, or what the header says of shapes, types and places."""
    length = int.from_bytes(content[:8], "little")
    header, rest = json.loads(content[8 : 8 + length]), content[8 + length :]
    lengths = (0, 1, 7, length - 1, length + 1, len(content), 2**31, 2**32, 2**63, 2**64 - 1)
    dtypes = ("F16", "BF16", "F8_E4M3", "F8_E5M2", "F4", "I8", "U64", "BOOL", "C64", "F32", "F65")

    def mutate(rng: random.Random) -> bytes:
        if rng.random() < 0.2:
            return rng.choice(lengths).to_bytes(8, "little") + content[8:]
        changed = json.loads(json.dumps(header))
        for _ in range(rng.randint(1, 2)):
            tensor = changed.get(rng.choice(sorted(set(header) - {"__metadata__"})))
            kind = rng.randrange(5)
            if not isinstance(tensor, dict) or kind == 0:
                change_a_value(changed, rng)
            elif kind == 1:
                tensor["dtype"] = rng.choice(dtypes)
            elif kind == 2:
                tensor["shape"] = rng.choice(
                    ([], [0], [-1], [2**32, 2**32], [2**63], [1] * 100, [3.5], tensor.get("shape"))
                )
            elif kind == 3:
                size = len(rest)
                tensor["data_offsets"] = rng.choice(
                    ([0, size], [size, size], [5, 3], [0, 2**63], [-8, 8], [0], [])
                )
            else:
                # The same number of bytes as another type and shape.
                tensor["dtype"], tensor["shape"] = rng.choice(
                    (("U8", [72]), ("F32", [3, 6]), ("I64", [3, 3]), ("F64", [9]), ("F64", [9, 1]))
                )
        text = dumped(changed).encode("utf-8", "surrogatepass")
        return len(text).to_bytes(8, "little") + text + rest

    return mutate


def change_an_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return it of another type or shape, or with one number that is no good."""
    kind = rng.randrange(6)
    if kind == 0:
        return array.astype(rng.choice((np.float32, np.int64, np.bool_, np.float16)))
    if kind == 1:
        return np.concatenate([array.ravel(), array.ravel()])
    if kind == 2:
        return array.reshape(array.shape[::-1])
    changed = np.array(array)
    special = (np.nan, np.inf, -np.inf, 1e300, -0.0, 5e-324)
    with np.errstate(over="ignore"):
        changed.flat[rng.randrange(changed.size)] = rng.choice(special)
    return changed

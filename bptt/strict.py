"""Models that know their keys, options that a model describes, and one line for what is wrong."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LONGEST_SHOWN = 200  # characters of a wrong value

# The headings of `bptt train --help`, in their order.
Group = Literal["Network", "Text", "Optimization", "Schedule", "Validation", "Output", "Engine"]


class Strict(BaseModel):
    """Knows its keys, and refuses others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


def option(default: Any, group: Group, meaning: str, **more: Any) -> Any:
    """Return a field that is also an option of `bptt train`, in one group of its help.

    `names` are the option's, where they aren't the field's; `metavar` stands for its value and
    `default_text` for its default in the help. Everything else goes to pydantic's Field.
    """
    extra = {key: more.pop(key) for key in ("names", "metavar", "default_text") if key in more}
    return Field(default, description=meaning, json_schema_extra={"group": group, **extra}, **more)


def explain(error: ValidationError) -> str:
    """Say in one line what was expected, what came, and where."""
    return "; ".join(_explain_one(dict(problem)) for problem in error.errors())


def _explain_one(problem: dict[str, Any]) -> str:
    place = ".".join(str(part)[:LONGEST_SHOWN] for part in problem["loc"])
    said = problem["msg"][0].lower() + problem["msg"][1:]
    if problem["type"] in ("missing", "json_invalid", "value_error"):
        return f"{place}: {said}" if place else said.removeprefix("value error, ")
    return f"{place}: {said}, got {shown(problem['input'])}"


def shown(value: Any) -> str:
    """Write a wrong value for a person: not all of it where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number too long to be written, deep nesting
        return f"a {type(value).__name__} too large to be shown"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"

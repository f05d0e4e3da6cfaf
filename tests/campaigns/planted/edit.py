"""What is planted: one wrong line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """A wrong line: what stands in the source (after `behind`), and what is put in its place."""

    name: str
    old: str
    new: str
    file: str
    behind: str = ""

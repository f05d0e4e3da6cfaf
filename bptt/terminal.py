"""How text is shown to a person: harmless to a terminal, broken between words."""

import textwrap

from rich.console import Console


def console() -> Console:
    """Make a console that breaks lines between words on a terminal, and nowhere else."""
    made = Console(highlight=False)
    made.soft_wrap = not made.is_terminal
    return made


def advise(console: Console, words: str, command: str) -> None:
    """Say a command that can be copied: where the line is too long for it, on one of its own."""
    line = f"{words}: {command}"
    if console.is_terminal and len(line) > console.width:
        console.print(f"{words}:", markup=False)
        line = command
    console.print(line, markup=False, soft_wrap=True)


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Break long lines between words; not within one, and not those that are indented."""
    filler = textwrap.TextWrapper(
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(
        line if line.startswith(" ") else filler.fill(line) for line in text.split("\n")
    )

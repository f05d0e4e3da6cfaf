"""Terminal output: a console, commands to copy, line wrapping."""

import textwrap

from rich.console import Console


def console() -> Console:
    """Return a console that wraps lines between words on a terminal, and nowhere else."""
    made = Console(highlight=False)
    made.soft_wrap = not made.is_terminal
    return made


def advise(console: Console, words: str, command: str) -> None:
    """Print a command to copy, on a line of its own if it doesn't fit beside the words."""
    line = f"{words}: {command}"
    if console.is_terminal and len(line) > console.width:
        console.print(f"{words}:", markup=False)
        line = command
    console.print(line, markup=False, soft_wrap=True)


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Wrap long lines between words, never inside one; indented lines stay as they are."""
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

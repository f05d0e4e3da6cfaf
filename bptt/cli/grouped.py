"""How a command shows its help."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typer.core import TyperArgument, TyperCommand


class Grouped(TyperCommand):
    """Shows each group of options below its heading, and all others at the end."""

    groups: ClassVar[Mapping[str, Sequence[str]]] = {}

    def format_options(self, ctx: Any, formatter: Any) -> None:  # Typer's click has no public name
        places = {name: heading for heading, names in self.groups.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            is_argument = isinstance(parameter, TyperArgument)
            heading = places.get(parameter.name or "", "Arguments" if is_argument else "Options")
            row = parameter.get_help_record(ctx)
            if row is not None:
                name = row[0].partition(" <")[0] if is_argument else row[0]  # without its type
                rows.setdefault(heading, []).append((name, row[1]))
        for heading in ("Arguments", *self.groups, "Options"):
            if heading in rows:
                with formatter.section(heading):
                    formatter.write_dl(rows[heading])

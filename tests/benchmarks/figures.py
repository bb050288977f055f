"""What a benchmark yields: figures, each with the aim that it is held against where there is one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `aim` is the most it should be."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None where there is none."""
        return None if self.aim is None else self.value <= self.aim

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


def show(title: str, figures: list[Figure], console: Console) -> None:
    """A table for a person."""
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("aim", justify="right")
    table.add_column("")
    table.add_column("note", style="dim")
    for figure in figures:
        verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[figure.met]
        aim = "" if figure.aim is None else f"<= {figure.aim:g}"
        table.add_row(figure.name, f"{figure.value:,.3g} {figure.unit}", aim, verdict, figure.note)
    console.print(table)

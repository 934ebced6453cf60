"""`python -m benchmarks`: measures the figures, prints a table and writes `build/bench.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.framework import QUICK, THOROUGH, Figure, benchmarks
from benchmarks.process import ROOT

_HOLDS = {None: "", True: "[green]yes[/green]", False: "[red]no[/red]"}


def main(
    only: Annotated[
        list[str] | None, typer.Option(help="Measure figures with this in their name, in any case. Repeatable.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer and shorter rounds: noisy, for a first look.")] = False,
    output: Annotated[Path, typer.Option(help="Where the JSON goes.")] = ROOT / "build" / "bench.json",
) -> None:
    """Measure the project's figures, each beside its raw limit."""
    console = Console()
    wanted = [part.lower() for part in only or [""]]
    chosen = [
        candidate
        for candidate in benchmarks()
        if any(part in name.lower() for part in wanted for name in candidate.names)
    ]
    if not chosen:
        known = ", ".join(name for candidate in benchmarks() for name in candidate.names)
        raise typer.BadParameter(f"no figure is named like {wanted}. There are: {known}", param_hint="--only")
    found: list[Figure] = []
    for candidate in chosen:
        with console.status(f"measuring {', '.join(candidate.names)}"):
            found.extend(candidate.measure(QUICK if quick else THOROUGH))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps([figure.as_json() for figure in found], indent=2) + "\n")
    console.print(_table(found))
    for figure in found:
        if figure.detail:
            console.print(f"[bold]{figure.name}[/bold]: {figure.detail}", highlight=False)
    console.print(f"written to {output}")


def _table(found: list[Figure]) -> Table:
    table = Table("figure", "value", "unit", "limit", "ratio", "goal", "holds")
    for figure in found:
        table.add_row(
            figure.name,
            _number(figure.value),
            figure.unit,
            "" if figure.limit is None else _number(figure.limit),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            "" if figure.goal is None else str(figure.goal),
            _HOLDS[figure.holds],
        )
    return table


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


if __name__ == "__main__":
    typer.run(main)

"""`python -m benchmarks.fill`: fills a store, see `docs/benchmarks.md`."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Annotated

import typer
from rich.progress import Progress

from benchmarks.fill.store import fill
from benchmarks.fill.synthetic import Shape


def main(
    url: Annotated[str, typer.Option(help="The database, such as sqlite:///PATH. An empty one is created.")],
    runs: Annotated[int, typer.Option(help="Number of runs.", min=1)] = 1000,
    params: Annotated[int, typer.Option(help="Params of each run.", min=0)] = 10,
    metrics: Annotated[int, typer.Option(help="Metrics of each run.", min=0)] = 10,
    tags: Annotated[int, typer.Option(help="Tags of each run.", min=0)] = 5,
    keys: Annotated[int, typer.Option(help="Distinct keys of all runs.", min=0)] = 1000,
    points: Annotated[int, typer.Option(help="Points of each metric.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="The same seed makes the same runs.")] = 1,
    experiment: Annotated[str, typer.Option(help="Name of the experiment to create.")] = "synthetic",
) -> None:
    """Store an experiment with synthetic runs."""
    shape = Shape(runs, params, metrics, tags, keys, points, seed)
    began = time.monotonic()
    with Progress(disable=not sys.stdout.isatty()) as progress:
        task = progress.add_task("filling", total=runs)
        number = asyncio.run(fill(url, shape, experiment, done=lambda count: progress.advance(task, count)))
    typer.echo(f"experiment {number}: {runs} runs in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    typer.run(main)

"""What all imports share: the bar, the comparison at the end, and the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from milepost.cli._failures import Refusal
from milepost.cli._output import add_row, note, print_json, print_table, table
from milepost.cli._text import printable, size

if TYPE_CHECKING:
    from milepost.client import Client
    from milepost.migration import importing
    from milepost.migration.importing import Importer, Watcher
    from milepost.migration.report import Problems, Report
    from milepost.migration.source import Choice, Source, Totals

VERIFY = ("sample", "full", "none")
_SHOWN = 20


@dataclass(frozen=True)
class ImportOptions:
    """Options that all imports have."""

    experiments: Sequence[str]
    include_deleted: bool
    verify: str
    dry_run: bool
    as_json: bool


def run_import(connect: Callable[[], Client], open_source: Callable[[], Source], options: ImportOptions) -> None:
    """Imports, compares and reports. Raises `typer.Exit` when something was left out or differs."""
    from milepost._frames import load

    load("numpy", "import")
    from milepost.migration.importing import Importer
    from milepost.migration.source import Choice

    if options.verify not in VERIFY:
        raise Refusal("INVALID_VALUE", f"--verify: {options.verify!r} is none of {', '.join(VERIFY)}.", exit_code=2)
    source = open_source()
    try:
        choice = Choice(tuple(options.experiments), options.include_deleted)
        client = connect()
        with _bar() as watcher:
            importer = Importer(source, client, choice, dry_run=options.dry_run, watcher=watcher)
            report = importer.run()
        if not options.dry_run and options.verify != "none":
            _verify(source, client, choice, importer, options.verify == "full")
    finally:
        source.close()
    print_report(report, options.as_json)


def _verify(source: Source, client: Client, choice: Choice, importer: Importer, full: bool) -> None:
    from milepost.migration.verifying import Verifier

    with _status("comparing"):
        Verifier(source, client, choice, importer, full=full).verify()


def print_report(report: Report, as_json: bool) -> None:
    """Prints the outcome, and raises `typer.Exit` when something was left out or differs."""
    if as_json:
        print_json(report.as_json())
    else:
        _print_counts(report)
        _print_list("Left out or changed", report.problems.total, [str(one) for one in report.problems.listed])
        _print_list("Different", report.differing, [str(one) for one in report.differences])
        for text, count in sorted(report.problems.notes.items()):
            note(f"Note: {count:,} × {printable(text)}.")
    if report.problems.total or not report.equal:
        raise typer.Exit(1)


def print_export(location: str, counts: Mapping[str, int], problems: Problems, as_json: bool) -> None:
    """Prints what an export wrote, and raises `typer.Exit` when something was left out."""
    from dataclasses import asdict

    from milepost.migration.report import KINDS

    kinds = [kind for kind in KINDS if kind != "webhooks"]
    if as_json:
        listed = [asdict(one) for one in problems.listed]
        found = {kind: counts.get(kind, 0) for kind in kinds}
        print_json({"target": location, "counts": found, "problems": problems.total, "listedProblems": listed})
    else:
        rows = table("", "EXPORTED", right=("EXPORTED",))
        for kind in kinds:
            add_row(rows, [kind.replace("_", " "), _number(kind, counts.get(kind, 0))])
        typer.echo(f"Target: {printable(location)}")
        print_table(rows, "")
        _print_list("Left out", problems.total, [str(one) for one in problems.listed])
    if problems.total:
        raise typer.Exit(1)


@contextmanager
def export_bar() -> Iterator[Callable[[Mapping[str, int]], None]]:
    """What is exported so far, on standard error, where a person looks at it."""
    if not sys.stderr.isatty():
        yield lambda counts: None
        return
    from milepost.cli._output import console

    with console(sys.stderr).status("exporting") as shown:
        kinds = ("runs", "points", "artifacts")
        yield lambda counts: shown.update(", ".join(f"{counts.get(kind, 0):,} {kind}" for kind in kinds))


def _number(kind: str, count: int) -> str:
    return size(count) if kind.endswith("bytes") else f"{count:,}"


def _print_counts(report: Report) -> None:
    from milepost.migration.report import KINDS

    version = f" (version {report.source_version})" if report.source_version else ""
    typer.echo(f"Source: {printable(report.source)}{printable(version)}")
    target = "nothing is written, as --dry-run says" if report.dry_run else printable(report.target)
    typer.echo(f"Target: {target}")
    both = report.compared
    rows = table("", "SOURCE", *(["TARGET"] if both else []), right=("SOURCE", "TARGET"))
    for kind in KINDS:
        cells = [_number(kind, counts[kind]) for counts in (report.read, *([report.found] if both else []))]
        add_row(rows, [kind.replace("_", " "), *cells])
    print_table(rows, "")
    if both:
        typer.echo(f"{report.values_compared:,} values compared, {report.differing:,} different.")


def _print_list(title: str, total: int, texts: Sequence[str]) -> None:
    if not total:
        return
    note(f"{title}: {total:,}")
    for text in texts[:_SHOWN]:
        note(f"  {printable(text)}")
    if total > _SHOWN:
        note(f"  … and {total - _SHOWN:,} more; --json lists {len(texts):,}.")


@contextmanager
def _bar() -> Iterator[Watcher]:
    """Progress on standard error, where a person looks at it."""
    if not sys.stderr.isatty():
        yield lambda progress, totals: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Column

    from milepost.cli._output import console

    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        BarColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(sys.stderr), transient=True) as shown:
        task = shown.add_task("reading", total=None, detail="")

        def update(made: importing.Progress, totals: Totals) -> None:
            done, total = (made.points, totals.points) if totals.points else (made.runs, totals.runs)
            detail = f"{made.runs:,} runs, {made.points:,} points, {size(made.artifact_bytes)}"
            shown.update(task, description=printable(made.phase), completed=done, total=total, detail=detail)

        yield update


@contextmanager
def _status(text: str) -> Iterator[None]:
    if not sys.stderr.isatty():
        yield
        return
    from milepost.cli._output import console

    with console(sys.stderr).status(text):
        yield

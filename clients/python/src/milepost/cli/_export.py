"""Runs to files of other tools: CSV, JSON and Parquet, with the same rows and columns."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from milepost._frames import run_columns
from milepost.artifacts._transfer import replacing
from milepost.cli._failures import Refusal

if TYPE_CHECKING:
    from milepost.client import Run

FORMATS = ("csv", "json", "parquet")

Columns = dict[str, list[Any]]


def format_of(output: str, wanted: str | None, formats: Sequence[str] = FORMATS) -> str:
    """The format asked for, else that of the suffix. Raises `typer.BadParameter` when neither says one of `formats`."""
    kind = (wanted or PurePath(output).suffix.removeprefix(".")).lower()
    if kind not in formats:
        given = f"{wanted!r} is no format" if wanted else f"the suffix of {output!r} names no format"
        names = f"{', '.join(formats[:-1])} or {formats[-1]}"
        raise typer.BadParameter(f"{given}. Give --format {names}.", param_hint="--format")
    return kind


def check_packages(kind: str) -> None:
    """Raises `Refusal` when the format needs a package that is not installed."""
    if kind != "parquet":
        return
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise Refusal(
            "MISSING_PACKAGE", "Parquet needs pyarrow. Install it with: pip install 'milepost-client[pandas]'"
        ) from None


def write(runs: Iterable[Run], output: str, kind: str) -> int:
    """Writes the runs to a file, which appears when it is complete, or for `-` to standard output.

    Returns:
        The number of rows.
    """
    columns = run_columns(runs)
    save = {"csv": _csv, "json": _json, "parquet": _parquet}[kind]
    if output == "-":
        save(columns, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        with replacing(Path(output)) as file:
            save(columns, file)
    return len(columns["run_id"])


def _csv(columns: Columns, file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*([_csv_cell(value) for value in values] for values in columns.values()), strict=True))
    text.flush()
    text.detach()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _scalar(value)


def _json(columns: Columns, file: BinaryIO) -> None:
    """A list of objects; what a run has not is left out, and NaN and the infinities are text, as in proto JSON."""
    found = [
        {name: _json_value(value) for name, value in zip(columns, row, strict=True) if value is not None}
        for row in zip(*columns.values(), strict=True)
    ]
    file.write(json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False, default=_iso).encode() + b"\n")


def _json_value(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _parquet(columns: Columns, file: BinaryIO) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({name: _arrow(pyarrow, values) for name, values in columns.items()})
    pyarrow.parquet.write_table(table, file)


def _arrow(pyarrow: Any, values: list[Any]) -> Any:
    """A column; one whose values have no common type becomes text."""
    scalars: list[Any] = [value if isinstance(value, datetime) else _scalar(value) for value in values]
    kinds = {type(value) for value in scalars if value is not None}
    if len(kinds) > 1 and kinds != {int, float}:
        scalars = [None if value is None else str(value) for value in scalars]
    elif kinds == {int, float}:
        scalars = [None if value is None else float(value) for value in scalars]
    return pyarrow.array(scalars)


def _scalar(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return _iso(value) if isinstance(value, datetime) else value


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")

"""Files of metrics in a folder `mlruns`: a line for each point."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy

from milepost.migration.mlflow._folder_files import FolderFiles
from milepost.migration.mlflow.entities import ModelMetric
from milepost.migration.source import Points

_LINES_AT_ONCE = 65_536
_LONGEST_LINE = 4096

Row = tuple[int, float, int, list[str]]


def points(files: FolderFiles, run_id: str, folder: Path) -> Iterator[Points]:
    """All points of a run, in the order of the files' lines."""
    for key, path in files.files(folder):
        for rows in _parsed(files, path):
            yield Points(
                run_id,
                [key],
                numpy.zeros(len(rows), numpy.intp),
                numpy.array([row[2] for row in rows], numpy.int64),
                numpy.array([row[0] for row in rows], numpy.int64),
                numpy.array([row[1] for row in rows], numpy.float64),
            )


def model_metrics(files: FolderFiles, folder: Path) -> list[ModelMetric]:
    """The metrics of a logged model, whose lines also name the run, and perhaps a dataset."""
    found = []
    for key, path in files.files(folder):
        for rows in _parsed(files, path):
            for time, value, step, rest in rows:
                run_id, name, digest = [*rest, "", "", ""][:3]
                found.append(ModelMetric(key, value, step, time, run_id, name, digest))
    return found


def _parsed(files: FolderFiles, path: Path) -> Iterator[list[Row]]:
    """The lines of a file, many at a time; those that are no points are counted and said."""
    wrong = 0
    with path.open("rb") as file:
        while lines := list(islice(_lines(file), _LINES_AT_ONCE)):
            rows = [row for row in map(_row, lines) if row is not None]
            wrong += len(lines) - len(rows)
            if rows:
                yield rows
    if wrong:
        files.refuse(path, f"has {wrong:,} lines that are no points; left out.")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(_LONGEST_LINE):
        yield line


def _row(line: bytes) -> Row | None:
    """Time, value, step and what follows; None for a line of another form."""
    try:
        time, value, *more = line.decode().split()
        row = int(time), float(value), int(more[0]) if more else 0, more[1:]
    except ValueError:
        return None
    fits = all(-(2**63) <= number < 2**63 for number in (row[0], row[2]))
    return row if fits else None

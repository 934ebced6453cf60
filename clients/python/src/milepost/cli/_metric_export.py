"""Metric points to files: Arrow, CSV and Parquet, with the same columns and in constant memory."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from milepost.artifacts._transfer import replacing

if TYPE_CHECKING:
    from milepost.client import Client, MetricHistory

FORMATS = ("arrow", "csv", "parquet")

_COLUMNS = ("key", "step", "timestamp_ms", "value")


def write(client: Client, run_id: str, keys: list[str], output: str, kind: str) -> None:
    """Writes metrics of a run to a file, which appears when it is complete, or for `-` to standard output."""
    if output == "-":
        _save(client, run_id, keys, sys.stdout.buffer, kind)
        sys.stdout.buffer.flush()
    else:
        with replacing(Path(output)) as file:
            _save(client, run_id, keys, file, kind)


def _save(client: Client, run_id: str, keys: list[str], file: BinaryIO, kind: str) -> None:
    if kind == "arrow":
        client.metrics.export(run_id, file, keys)
    else:
        {"csv": _csv, "parquet": _parquet}[kind](client.metrics.stream_history(run_id, keys), file)


def _csv(pieces: Iterable[MetricHistory], file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for piece in pieces:
        columns = (column.tolist() for column in piece.columns.values())
        writer.writerows((piece.key, step, time_ms, repr(value)) for step, time_ms, value in zip(*columns, strict=True))
    text.flush()
    text.detach()


def _parquet(pieces: Iterable[MetricHistory], file: BinaryIO) -> None:
    import pyarrow
    import pyarrow.parquet

    key = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    types = (key, pyarrow.int64(), pyarrow.int64(), pyarrow.float64())
    schema = pyarrow.schema(list(zip(_COLUMNS, types, strict=True)))
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for piece in pieces:
            keys = pyarrow.array([piece.key] * len(piece), key)
            table = pyarrow.table([keys, *piece.columns.values()], schema=schema)
            writer.write_table(table)

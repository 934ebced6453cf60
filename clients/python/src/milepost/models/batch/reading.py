"""Batches out of files, in pieces: `.csv`, `.jsonl` and `.parquet`. A `.json` document comes in one piece.

The pieces of one file look alike, as if the file had been read at once: what a column holds does not depend on which
rows stand together.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from milepost.errors import SchemaMismatch

if TYPE_CHECKING:
    from milepost.models.signatures.signature import ModelSignature

SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")

DEFAULT_ROWS = 10_000
"""Most rows of a piece."""


@dataclass(frozen=True)
class Piece:
    """Some rows of a file.

    Args:
        data: What the model is asked: a data frame, an array, or a mapping of arrays.
        rows: How many there are; None for a document that does not tell.
        share: Which part of the file was read once this piece is done, from 0 to 1.
        kept: Columns to be written beside the answer, by name: arrays or lists of as many values as there are rows.
        params: Params that stand in the file.
    """

    data: Any
    rows: int | None
    share: float
    kept: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)


def check_suffixes(*paths: Path) -> None:
    """Refuses files of other formats.

    Raises:
        ValueError: A file has none of `SUFFIXES`.
    """
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise ValueError(f"{path}: the suffix says the format, and must be one of {', '.join(SUFFIXES)}.")


def read_pieces(path: Path, signature: ModelSignature | None, rows: int, keep: Sequence[str] = ()) -> Generator[Piece]:
    """The rows of a file. There is at least one piece, which is empty when the file has no rows.

    Args:
        path: The file.
        signature: Of the model, whose types texts are read as.
        rows: Most rows of a piece.
        keep: Columns to be written beside the answer. Of these the model gets those that its signature has; all when
            it has none.

    Raises:
        SchemaMismatch: The content is not of the format that the suffix says, or a column of `keep` is not there.
        MissingPackage: Reading it takes pandas.
        OSError: The file cannot be read.
    """
    schema = signature.inputs if signature is not None else None
    kind = path.suffix.lower()
    if kind == ".json":
        from milepost.models.batch._documents import read_document

        yield read_document(path, schema, keep)
    elif kind == ".jsonl":
        from milepost.models.batch._json_lines import read_json_lines

        yield from read_json_lines(path, schema, rows, keep)
    elif kind == ".csv":
        from milepost.models.batch._csv import read_csv

        yield from read_csv(path, schema, rows, keep)
    else:
        from milepost.models.batch._parquet import read_parquet

        yield from read_parquet(path, schema, rows, keep)


def check_kept(keep: Sequence[str], columns: Sequence[Any], path: Path) -> None:
    """Refuses names of columns that a file does not have."""
    for name in keep:
        if name not in columns:
            raise SchemaMismatch(f"{path} has no column {name!r} to keep; it has {list(columns)!r:.300}.", field=name)


def share_read(file: BinaryIO) -> float:
    """Which part of a file lies before its position."""
    return min(file.tell() / max(os.fstat(file.fileno()).st_size, 1), 1.0)

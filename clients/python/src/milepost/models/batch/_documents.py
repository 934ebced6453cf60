"""Documents of JSON, as scoring servers take them, in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from milepost.errors import SchemaMismatch
from milepost.models._data_files import columns_of, read_json
from milepost.models.batch.reading import Piece, check_kept
from milepost.models.signatures.schema import Schema


def read_document(path: Path, schema: Schema | None, keep: Sequence[str]) -> Piece:
    """The whole of a document."""
    batch = read_json(path, schema)
    data = batch.data
    rows = len(data) if hasattr(data, "columns") or (hasattr(data, "shape") and data.shape) else None
    if not keep:
        return Piece(data, rows, 1.0, params=batch.params)
    if not hasattr(data, "columns"):
        raise SchemaMismatch(f"{path}: columns are kept of data frames only, and these are arrays.", keep[0])
    check_kept(keep, list(data.columns), path)
    kept = {name: data[name] for name in keep}
    columns = columns_of(schema)
    unknown = [name for name in keep if columns and None not in columns and name not in columns]
    return Piece(data.drop(columns=unknown), rows, 1.0, kept, batch.params)

"""Data frames of pandas, polars and pyarrow as Arrow streams, and back into the same library."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from typing import Any

from milepost import v1 as pb
from milepost.errors import BadModelInput
from milepost.models._lazy import require
from milepost.serving import _arrays
from milepost.serving._values import Encoded


def encode_frame(frame: Any, library: str) -> Encoded:
    """A data frame, or a table or record batch of Arrow.

    Args:
        frame: The batch.
        library: `pandas`, `polars` or `pyarrow`.
    """
    if library == "polars" and hasattr(frame, "write_ipc_stream"):
        return Encoded(pb.PredictInput(arrow=_from_polars(frame)), _to_polars)
    if library == "pyarrow" and hasattr(frame, "to_pydict"):
        return Encoded(pb.PredictInput(arrow=_stream(frame)), _to_arrow)
    if library == "pandas" and hasattr(frame, "columns"):
        if find_spec("pyarrow") is not None:
            return Encoded(pb.PredictInput(arrow=_from_pandas(frame)), _to_pandas)
        arrays = {name: frame[name].to_numpy() for name in frame.columns}
        return Encoded(_arrays.encode_arrays(arrays).input, _tensors_to_pandas)
    raise BadModelInput(f"A batch cannot be a {type(frame).__name__} of {library}; give a data frame.")


def _from_polars(frame: Any) -> bytes:
    polars = require("polars", "polars")
    buffer = BytesIO()
    # Views of texts are newer than what all readers of Arrow know.
    frame.write_ipc_stream(buffer, compat_level=polars.CompatLevel.oldest())
    return buffer.getvalue()


def _from_pandas(frame: Any) -> bytes:
    """Columns one by one: pyarrow's own way makes nulls of all NaN, which is a value of a float here."""
    pyarrow = require("pyarrow", "pandas")
    names = [_arrays.name_of(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise BadModelInput("The data frame has several columns of one name.")
    columns = []
    for name, (_, series) in zip(names, frame.items(), strict=True):
        plain = getattr(series.dtype, "kind", "O") in "biuf" and hasattr(series.dtype, "newbyteorder")
        try:
            columns.append(pyarrow.array(series.to_numpy() if plain else series, from_pandas=not plain))
        except pyarrow.ArrowException as wrong:
            raise BadModelInput(
                f"Column {name!r} has values that Arrow has no type for.", metadata={"field": name}
            ) from wrong
    return _stream(pyarrow.table(columns, names=names))


def _stream(table: Any) -> bytes:
    pyarrow, ipc = require("pyarrow", "pandas"), require("pyarrow.ipc", "pandas")
    sink = pyarrow.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def _to_arrow(output: pb.PredictOutput) -> Any:
    return require("pyarrow.ipc", "pandas").open_stream(output.arrow).read_all()


def _to_polars(output: pb.PredictOutput) -> Any:
    return require("polars", "polars").read_ipc_stream(BytesIO(output.arrow))


def _to_pandas(output: pb.PredictOutput) -> Any:
    return _to_arrow(output).to_pandas()


def _tensors_to_pandas(output: pb.PredictOutput) -> Any:
    arrays = _arrays.arrays_of(output)
    columns = {name: array if array.ndim == 1 else list(array) for name, array in arrays.items()}
    return require("pandas", "pandas").DataFrame(columns)

"""Arrow's columns as arrays and back, by their buffers: pyarrow's own conversions import pandas where they can."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from milepost.models.signatures._column_values import objects
from milepost.models.worker.payload import Array
from milepost_server.errors import Unimplemented
from milepost_server.serving.checks.bad_input import bad_input, malformed

MAX_BYTES = 256 << 20
"""Most bytes that a compressed body may have once it is read."""
_MAX_COLUMNS = 10_000


def pyarrow(module: str = "pyarrow") -> ModuleType:
    """Imports pyarrow on its first use.

    Raises:
        Unimplemented: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise Unimplemented("Arrow and Parquet need pyarrow. Install the server with the extra `arrow`.") from None


def read_table(table: Any, size: int) -> dict[str, Array]:
    """The columns of a table of pyarrow, which nobody has looked at yet; missing values are None, or NaT for times.

    Args:
        table: Of any origin. It is validated here.
        size: Bytes of the body, which bounds the rows of columns that have no bytes.

    Raises:
        InvalidArgument: `MALFORMED_BODY`: it contradicts itself; `BAD_MODEL_INPUT`: a column is of a type that no model
            takes, or is there more than once, or there are none.
        ArrowException, ValueError: It is malformed.
    """
    table.validate(full=True)
    if table.num_rows > 8 * size:
        raise malformed("The table has more rows than its bytes can hold.")
    names: list[str] = table.column_names
    if len(names) > _MAX_COLUMNS:
        raise malformed(f"The table has more than {_MAX_COLUMNS:,} columns.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise bad_input(f"The table has the column {twice!r:.100} more than once.", twice)
    for name, field in zip(names, table.schema, strict=True):
        _check_type(field.type, name, inner=False)
    if not names:
        raise bad_input("The table has no columns. Give those of the model's signature.")
    batches = [batch.columns for batch in table.to_batches()]
    return {name: _column([columns[at] for columns in batches], name) for at, name in enumerate(names)}


class _Types:
    """Types of Arrow by their ids: comparing these takes a tenth of the time of asking for each type."""

    def __init__(self) -> None:
        lib = pyarrow("pyarrow.lib")
        integers = [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
        self.numbers: dict[int, np.dtype[Any]] = {
            **{getattr(lib, f"Type_{name}"): np.dtype(name.lower()) for name in integers},
            lib.Type_HALF_FLOAT: np.dtype(np.float16),
            lib.Type_FLOAT: np.dtype(np.float32),
            lib.Type_DOUBLE: np.dtype(np.float64),
        }
        self.bool, self.null, self.dictionary = lib.Type_BOOL, lib.Type_NA, lib.Type_DICTIONARY
        self.timestamp, self.date32, self.date64 = lib.Type_TIMESTAMP, lib.Type_DATE32, lib.Type_DATE64
        self.times = {self.timestamp, self.date32, self.date64}
        self.texts = {lib.Type_STRING, lib.Type_LARGE_STRING, lib.Type_BINARY, lib.Type_LARGE_BINARY}
        self.lists = {lib.Type_LIST, lib.Type_LARGE_LIST, lib.Type_FIXED_SIZE_LIST}
        self.fixed_size_list, self.struct, self.map = lib.Type_FIXED_SIZE_LIST, lib.Type_STRUCT, lib.Type_MAP
        self.plain = {*self.numbers, *self.texts, self.bool, self.date32, self.date64}


@lru_cache(maxsize=1)
def _types() -> _Types:
    return _Types()


def _check_type(kind: Any, name: str, *, inner: bool) -> None:
    """Refuses types that no model takes, and those whose values need no bytes: there may be any number of them."""
    types = _types()
    if kind.id in types.plain or (kind.id == types.null and not inner):
        return
    if kind.id == types.timestamp and not (inner and kind.unit == "ns"):  # Python's own times have microseconds
        return
    parts: list[Any] = []
    if kind.id in types.lists and (kind.id != types.fixed_size_list or kind.list_size):
        parts = [kind.value_type]
    elif kind.id == types.struct:
        parts = [kind.field(at).type for at in range(kind.num_fields)]
    elif kind.id == types.map:
        parts = [kind.key_type, kind.item_type]
    elif kind.id == types.dictionary and not inner:
        parts = [kind.value_type]
    if not parts:
        raise bad_input(f"Column {name!r:.100}: the Arrow type is not taken. Cast the column first.", name)
    for part in parts:
        _check_type(part, name, inner=True)


def _column(parts: Sequence[Any], name: str) -> Array:
    chunks = [_array(part, name) for part in parts]
    if len(chunks) == 1:
        return chunks[0]
    if not chunks:
        return np.empty(0, dtype=object)
    if len({chunk.dtype for chunk in chunks}) > 1:  # missing values in some of them
        chunks = [chunk.astype(object) for chunk in chunks]
    return np.concatenate(chunks)


def _array(array: Any, name: str) -> Array:
    types, kind = _types(), array.type.id
    if kind == types.dictionary:
        return _decoded(array, name)
    if kind in types.times:
        return _times(array, name)
    if (kind in types.numbers or kind == types.bool) and not array.null_count:
        return _numbers(array)
    nested = kind in types.lists or kind in (types.struct, types.map)
    return objects(array.to_pylist(maps_as_pydicts="strict") if nested else array.to_pylist())


def _numbers(array: Any) -> Array:
    """The values, whatever stands for those that are missing."""
    kind, start, count = array.type.id, array.offset, len(array)
    buffer = array.buffers()[1]
    dtype = _types().numbers.get(kind)
    if not count or buffer is None:
        return np.empty(0, dtype=dtype or bool)
    if dtype is None:
        return _bits(buffer, start, count)
    return np.frombuffer(buffer, dtype, count, start * dtype.itemsize)


def _bits(buffer: Any, start: int, count: int) -> Array:
    octets = np.frombuffer(buffer, np.uint8)[start // 8 : (start + count + 7) // 8]
    return np.unpackbits(octets, bitorder="little")[start % 8 : start % 8 + count].astype(bool)


def _missing(array: Any) -> Array | None:
    if not array.null_count:
        return None
    validity = array.buffers()[0]
    return ~_bits(validity, array.offset, len(array)) if validity is not None else np.ones(len(array), bool)


def _times(array: Any, name: str) -> Array:
    """Times in nanoseconds, in UTC where the column has a time zone."""
    types, kind = _types(), array.type
    unit = "D" if kind.id == types.date32 else "ms" if kind.id == types.date64 else kind.unit
    width = np.int32 if unit == "D" else np.int64
    buffer = array.buffers()[1]
    if not len(array) or buffer is None:
        return np.empty(0, dtype="datetime64[ns]")
    stored = np.frombuffer(buffer, width, len(array), array.offset * np.dtype(width).itemsize)
    times = stored.astype(f"datetime64[{unit}]")
    absent = _missing(array)
    if absent is not None:
        times[absent] = np.datetime64("NaT")
    exact = times.astype("datetime64[ns]")
    if not np.array_equal(exact.astype(times.dtype), times, equal_nan=True):
        raise bad_input(f"Column {name!r:.100}: a time is not between 1678 and 2261.", name)
    return exact


def _decoded(array: Any, name: str) -> Array:
    """The values of a dictionary's indices. Those of texts are shared, so that few bytes do not become many."""
    values = _array(array.dictionary, name)
    absent = _missing(array)
    indices = _numbers(array.indices)
    if values.dtype.kind == "O":
        sizes = np.fromiter((len(value or "") for value in values), dtype=np.int64, count=len(values))
        if sizes[indices if absent is None else indices[~absent]].sum() > MAX_BYTES:
            raise malformed(f"Column {name!r:.100} has more than {MAX_BYTES >> 20} MiB once it is unpacked.", name)
    if absent is None:
        return values[indices]
    found = np.empty(len(array), dtype=object)
    present = ~absent
    found[present] = values.astype(object)[indices[present]]
    return found


def write_table(columns: Sequence[tuple[str, Array]]) -> Any:
    """A table of pyarrow with these columns, as `to_arrow` makes them."""
    pa = pyarrow()
    arrays = [to_arrow(array) for _, array in columns]
    return pa.Table.from_arrays(arrays, names=[name for name, _ in columns])


def to_arrow(array: Array) -> Any:
    """An array of pyarrow: numbers, times and texts; one of more dimensions has fixed-size lists.

    Objects that are no texts or bytes, and numbers of other types, are texts: of JSON, as `datatypes.to_elements` has
    them.
    """
    pa = pyarrow()
    flat = _flat_to_arrow(pa, array.reshape(-1))
    for size in reversed(array.shape[1:]):
        flat = pa.FixedSizeListArray.from_arrays(flat, size)
    return flat


def _flat_to_arrow(pa: Any, values: Array) -> Any:
    kind, count = values.dtype.kind, len(values)
    if kind == "b":
        return pa.Array.from_buffers(
            pa.bool_(), count, [None, pa.py_buffer(np.packbits(values, bitorder="little").tobytes())]
        )
    if kind in "iu" or (kind == "f" and values.dtype.itemsize <= 8):
        data = pa.py_buffer(np.ascontiguousarray(values))
        return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), count, [None, data])
    if kind == "M":
        stored = values.astype("datetime64[ns]")
        return pa.Array.from_buffers(
            pa.timestamp("ns"),
            count,
            [_validity(pa, ~np.isnat(stored)), pa.py_buffer(np.ascontiguousarray(stored.view(np.int64)))],
        )
    return _texts(pa, values)


def _texts(pa: Any, values: Array) -> Any:
    from milepost_server.serving.codecs.datatypes import to_elements

    items = values.tolist()
    present = np.fromiter((item is not None for item in items), dtype=bool, count=len(items))
    elements = [element if given else b"" for element, given in zip(to_elements(values), present, strict=True)]
    offsets = np.zeros(len(elements) + 1, dtype=np.int64)
    np.cumsum([len(element) for element in elements], out=offsets[1:])
    binary = bool(present.any()) and all(isinstance(item, bytes) for item in items if item is not None)
    return pa.Array.from_buffers(
        pa.large_binary() if binary else pa.large_string(),
        len(elements),
        [_validity(pa, present), pa.py_buffer(offsets), pa.py_buffer(b"".join(elements))],
    )


def _validity(pa: Any, present: Array) -> Any:
    return None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little").tobytes())

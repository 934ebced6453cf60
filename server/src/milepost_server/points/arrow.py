"""Points of several metrics as an Apache Arrow IPC stream, written piece by piece in constant memory.

The columns never change, so the few messages of the format (https://arrow.apache.org/docs/format/Columnar.html) are
written here with flatbuffers alone: 1 MB where pyarrow takes 166. nanoarrow (3 MB) cannot write a dictionary, and
without one a long key would be repeated with every point.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from milepost_server.points.columns import Points

CONTENT_TYPE = "application/vnd.apache.arrow.stream"
END = b"\xff\xff\xff\xff\0\0\0\0"
"""Ends a stream."""

_ALIGNMENT = 64
_KEYS_ID = 0

# Numbers of Schema.fbs and Message.fbs.
_VERSION_5 = 4
_SCHEMA, _DICTIONARY_BATCH, _RECORD_BATCH = 1, 2, 3
_INT, _FLOATING_POINT, _UTF8 = 2, 3, 5
_DOUBLE = 2

_Buffer = bytes | NDArray[Any]


def begin(keys: Sequence[str]) -> bytes:
    """The first bytes of a stream: the schema, and the keys that its points may have."""
    return _schema() + _keys(keys)


def batch(parts: Sequence[tuple[int, Points]]) -> bytes:
    """Points, each part with the index of its key in the `keys` of the stream."""
    lengths = [len(points) for _, points in parts]
    points = Points.concatenate([part for _, part in parts])
    keys = np.repeat(np.array([index for index, _ in parts], "<i4"), lengths)
    columns = [keys, *(column.astype("<i8", copy=False) for column in (points.steps, points.times_ms))]
    columns.append(points.values.astype("<f8", copy=False))
    # A column without nulls has an empty buffer in place of its validity bits.
    buffers = [buffer for column in columns for buffer in (b"", column)]
    fields = [len(points)] * len(columns)
    return _with_body(_RECORD_BATCH, buffers, lambda builder, places: _record_batch(builder, fields, places))


def _keys(keys: Sequence[str]) -> bytes:
    texts = [key.encode() for key in keys]
    offsets = np.zeros(len(texts) + 1, "<i4")
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    buffers: list[_Buffer] = [b"", offsets, b"".join(texts)]

    def header(builder: Any, places: Sequence[tuple[int, int]]) -> int:
        data = _record_batch(builder, [len(texts)], places)
        builder.StartObject(3)
        builder.PrependInt64Slot(0, _KEYS_ID, -1)
        builder.PrependUOffsetTRelativeSlot(1, data, 0)
        return int(builder.EndObject())

    return _with_body(_DICTIONARY_BATCH, buffers, header)


def _schema() -> bytes:
    builder = flatbuffers.Builder(1024)
    fields = [_key_field(builder)]
    fields += [_field(builder, name, _INT, _integer(builder, 64)) for name in ("step", "timestamp_ms")]
    fields.append(_field(builder, "value", _FLOATING_POINT, _double(builder)))
    vector = _vector(builder, fields)
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(1, vector, 0)
    return _encapsulated(builder, _SCHEMA, builder.EndObject(), 0)


def _key_field(builder: Any) -> int:
    index = _integer(builder, 32)
    builder.StartObject(4)
    builder.PrependInt64Slot(0, _KEYS_ID, -1)
    builder.PrependUOffsetTRelativeSlot(1, index, 0)
    dictionary = builder.EndObject()
    builder.StartObject(0)
    return _field(builder, "key", _UTF8, builder.EndObject(), dictionary)


def _field(builder: Any, name: str, kind: int, type_: int, dictionary: int = 0) -> int:
    text, children = builder.CreateString(name), _vector(builder, [])
    builder.StartObject(7)
    builder.PrependUOffsetTRelativeSlot(0, text, 0)
    builder.PrependUint8Slot(2, kind, 0)
    builder.PrependUOffsetTRelativeSlot(3, type_, 0)
    builder.PrependUOffsetTRelativeSlot(4, dictionary, 0)
    builder.PrependUOffsetTRelativeSlot(5, children, 0)
    return int(builder.EndObject())


def _integer(builder: Any, bits: int) -> int:
    builder.StartObject(2)
    builder.PrependInt32Slot(0, bits, 0)
    builder.PrependBoolSlot(1, True, False)
    return int(builder.EndObject())


def _double(builder: Any) -> int:
    builder.StartObject(1)
    builder.PrependInt16Slot(0, _DOUBLE, 0)
    return int(builder.EndObject())


def _vector(builder: Any, tables: Sequence[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _record_batch(builder: Any, fields: Sequence[int], places: Sequence[tuple[int, int]]) -> int:
    """A `RecordBatch` of columns of these lengths, without nulls. `places` are offset and size of each buffer."""
    buffers = _pairs(builder, places)
    nodes = _pairs(builder, [(length, 0) for length in fields])
    builder.StartObject(4)
    builder.PrependInt64Slot(0, fields[0], 0)
    builder.PrependUOffsetTRelativeSlot(1, nodes, 0)
    builder.PrependUOffsetTRelativeSlot(2, buffers, 0)
    return int(builder.EndObject())


def _pairs(builder: Any, pairs: Sequence[tuple[int, int]]) -> int:
    """A vector of structs of two int64."""
    builder.StartVector(16, len(pairs), 8)
    for first, second in reversed(pairs):
        builder.Prep(8, 16)
        builder.PrependInt64(second)
        builder.PrependInt64(first)
    return int(builder.EndVector())


def _with_body(kind: int, buffers: Sequence[_Buffer], header: Callable[[Any, Sequence[tuple[int, int]]], int]) -> bytes:
    """A message whose header knows where each buffer is in the body."""
    body: list[bytes] = []
    places = []
    offset = 0
    for buffer in buffers:
        data = buffer if isinstance(buffer, bytes) else buffer.tobytes()
        padding = -len(data) % _ALIGNMENT
        body += [data, bytes(padding)]
        places.append((offset, len(data)))
        offset += len(data) + padding
    builder = flatbuffers.Builder(1024)
    return b"".join([_encapsulated(builder, kind, header(builder, places), offset), *body])


def _encapsulated(builder: Any, kind: int, header: int, body_length: int) -> bytes:
    """The metadata of a message with its prefix, padded so that the body begins aligned."""
    builder.StartObject(5)
    builder.PrependInt16Slot(0, _VERSION_5, 0)
    builder.PrependUint8Slot(1, kind, 0)
    builder.PrependUOffsetTRelativeSlot(2, header, 0)
    builder.PrependInt64Slot(3, body_length, 0)
    builder.Finish(builder.EndObject())
    metadata = bytes(builder.Output())
    metadata += bytes(-(len(metadata) + 8) % _ALIGNMENT)
    return struct.pack("<Ii", 0xFFFFFFFF, len(metadata)) + metadata

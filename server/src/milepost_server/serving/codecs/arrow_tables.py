"""Tables as Arrow IPC streams."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table

from milepost.models.worker.payload import Array, Payload
from milepost_server.errors import DomainError
from milepost_server.serving.checks.bad_input import bad_input, malformed
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs.arrow_columns import MAX_BYTES, pyarrow, read_table, write_table

# Slots of the tables in Arrow's `Message.fbs`: a message's header and its type; a batch's buffers and compression; the
# batch of a dictionary.
_HEADER_TYPE, _HEADER, _BUFFERS, _COMPRESSION, _DICTIONARY_BATCH = 6, 8, 8, 10, 6
_IS_DICTIONARY, _IS_BATCH = 2, 3
_MAX_MESSAGES = 10_000
_LENGTH = struct.Struct("<q")


def read(stream: bytes, contract: Contract) -> Payload:
    """The batch of a stream.

    Raises:
        InvalidArgument: `MALFORMED_BODY`: it is no Arrow IPC stream, or one of more than 256 MiB once it is unpacked;
            `BAD_MODEL_INPUT`: it is not of the model's signature.
        Unimplemented: pyarrow is not installed.
    """
    pa = pyarrow()
    try:
        _check_unpacked_size(pa, stream)
        with pa.ipc.open_stream(stream) as reader:
            columns = read_table(reader.read_all(), len(stream))
    except DomainError:
        raise
    except Exception:  # pyarrow has many, and they quote what was sent
        raise malformed("The table is no Arrow IPC stream, or a malformed one.") from None
    return contract.from_columns(columns)


def _check_unpacked_size(pa: Any, stream: bytes) -> None:
    """Refuses buffers that are small only as long as they are compressed. pyarrow would allocate what they say."""
    size = 0
    for count, message in enumerate(pa.ipc.MessageReader.open_stream(stream)):
        if count > _MAX_MESSAGES:
            raise malformed(f"The stream has more than {_MAX_MESSAGES:,} messages. Send larger record batches.")
        if message.body is not None:
            size += sum(_unpacked_sizes(bytes(message.metadata), message.body))
        if size > MAX_BYTES:
            raise malformed(f"The table has more than {MAX_BYTES >> 20} MiB once it is unpacked. Send it in parts.")


def _unpacked_sizes(metadata: bytes, body: Any) -> Iterator[int]:
    message = Table(metadata, encode.Get(packer.uoffset, metadata, 0))
    kind_at, header_at = message.Offset(_HEADER_TYPE), message.Offset(_HEADER)
    kind = message.Get(number_types.Uint8Flags, message.Pos + kind_at) if kind_at else 0
    if kind not in (_IS_DICTIONARY, _IS_BATCH):
        return
    batch = Table(metadata, message.Indirect(message.Pos + header_at))
    if kind == _IS_DICTIONARY:
        batch = Table(metadata, batch.Indirect(batch.Pos + batch.Offset(_DICTIONARY_BATCH)))
    if not batch.Offset(_COMPRESSION) or not batch.Offset(_BUFFERS):
        return
    start, view = batch.Vector(batch.Offset(_BUFFERS)), memoryview(body)
    for at in range(batch.VectorLen(batch.Offset(_BUFFERS))):
        offset, length = struct.unpack_from("<qq", metadata, start + 16 * at)
        if length >= _LENGTH.size:
            yield max(_LENGTH.unpack_from(view, offset)[0], 0)


def write(columns: Sequence[tuple[str, Array]]) -> bytes:
    """A stream with these columns.

    Raises:
        InvalidArgument: `BAD_MODEL_INPUT`: they have not the same number of rows, so that they are no table.
        Unimplemented: pyarrow is not installed.
    """
    pa = pyarrow()
    if len({len(array) if array.ndim else -1 for _, array in columns} - {-1}) != 1 or not all(
        array.ndim for _, array in columns
    ):
        raise bad_input("The answer is no table. Ask with tensors or rows.")
    table = write_table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]

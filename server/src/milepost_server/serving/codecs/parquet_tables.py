"""Tables as Parquet files."""

from __future__ import annotations

from typing import Any

from milepost.models.worker.payload import Payload
from milepost_server.errors import DomainError
from milepost_server.serving.bad_input import bad_input, malformed
from milepost_server.serving.codecs.arrow_columns import MAX_BYTES, pyarrow, read_table
from milepost_server.serving.codecs.parquet_pages import DELTA_BYTE_ARRAY, pages
from milepost_server.serving.contract import Contract

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT64": 8, "DOUBLE": 8, "INT96": 12, "BYTE_ARRAY": 16}
_INDEX_BYTES = 4


def read(body: bytes, contract: Contract) -> Payload:
    """The batch of a file.

    Raises:
        InvalidArgument: `MALFORMED_BODY`: it is no Parquet, or one of more than 256 MiB once it is unpacked;
            `BAD_MODEL_INPUT`: it is not of the model's signature.
        Unimplemented: pyarrow is not installed.
    """
    pa, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    try:
        metadata = parquet.read_metadata(pa.BufferReader(body))
        if not metadata.num_rows:
            raise bad_input("The batch has no rows. Give at least one.")
        texts = _check_unpacked_size(metadata, body)
        # Texts of a dictionary stay there: each may be that of many rows.
        with parquet.ParquetFile(pa.BufferReader(body), metadata=metadata, read_dictionary=texts) as file:
            columns = read_table(file.read(use_threads=False), max(len(body), MAX_BYTES // 8))
    except DomainError:
        raise
    except Exception:  # pyarrow has many, and they quote what was sent
        raise malformed("The body is no Parquet file, or a malformed one.") from None
    if not columns:
        raise bad_input("The table has no columns. Give those of the model's signature.")
    return contract.from_columns(columns)


def _check_unpacked_size(metadata: Any, body: bytes) -> list[str]:
    """Refuses pages that become large. Gives the columns whose texts may be read as dictionaries."""
    size, texts = metadata.num_rows, []
    for column in range(metadata.num_columns):
        schema = metadata.schema.column(column)
        if schema.physical_type == "BYTE_ARRAY" and not schema.max_repetition_level and "." not in schema.path:
            texts.append(schema.path)
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            schema = metadata.schema.column(column)
            size += _chunk_size(metadata.row_group(group).column(column), schema, body, schema.path in texts)
            if size > MAX_BYTES:
                raise malformed(f"The table has more than {MAX_BYTES >> 20} MiB once it is unpacked. Send it in parts.")
    return texts


def _chunk_size(chunk: Any, schema: Any, body: bytes, stays_dictionary: bool) -> int:
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
        start = min(start, chunk.dictionary_page_offset) if chunk.dictionary_page_offset > 0 else start
    size = entries = values = 0
    for page in pages(memoryview(body), start, chunk.total_compressed_size):
        if page.encoding == DELTA_BYTE_ARRAY:
            raise malformed("The encoding DELTA_BYTE_ARRAY is not taken. Write the file with another.")
        size += page.unpacked
        if page.is_dictionary:
            entries += page.unpacked
        else:
            values += page.values
    kind = schema.physical_type
    if kind == "BYTE_ARRAY" and not stays_dictionary:
        return size + values * (_WIDTHS[kind] + entries)
    width = schema.length if kind == "FIXED_LEN_BYTE_ARRAY" else _WIDTHS[kind]
    return size + values * (width + _INDEX_BYTES)

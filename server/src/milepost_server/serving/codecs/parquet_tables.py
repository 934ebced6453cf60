"""Tables as Parquet files."""

from __future__ import annotations

from milepost.models.worker.payload import Payload
from milepost_server.errors import DomainError
from milepost_server.serving.checks.bad_input import bad_input, malformed
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs.arrow_columns import MAX_BYTES, pyarrow, read_table
from milepost_server.serving.codecs.parquet_pages import read_footer, unpacked_size


def read(body: bytes, contract: Contract) -> Payload:
    """The batch of a file. Texts in the encoding `DELTA_BYTE_ARRAY`, and footers of more than 1 MiB, are not taken.

    Raises:
        InvalidArgument: `MALFORMED_BODY`: it is no Parquet, or one of more than 256 MiB once it is unpacked;
            `BAD_MODEL_INPUT`: it is not of the model's signature.
        Unimplemented: pyarrow is not installed.
    """
    pa, parquet = pyarrow(), pyarrow("pyarrow.parquet")
    try:
        footer = read_footer(body)
        if not footer.rows:
            raise bad_input("The batch has no rows. Give at least one.")
        if unpacked_size(body, footer, MAX_BYTES) > MAX_BYTES:
            raise malformed(f"The table has more than {MAX_BYTES >> 20} MiB once it is unpacked. Send it in parts.")
        # Texts of a dictionary stay there: each may be that of many rows.
        texts = [leaf.name for leaf in footer.leaves if leaf.is_dictionary]
        with parquet.ParquetFile(pa.BufferReader(body), read_dictionary=texts) as file:
            columns = read_table(file.read(use_threads=False), max(len(body), MAX_BYTES // 8))
    except DomainError:
        raise
    except Exception:  # pyarrow has many, and they quote what was sent
        raise malformed("The body is no Parquet file, or a malformed one, or one in an encoding not taken.") from None
    return contract.from_columns(columns)

"""Prints columns of an Arrow IPC stream: `arrow_columns.py FILE COLUMN...`."""

from __future__ import annotations

import sys

import pyarrow as pa

with pa.OSFile(sys.argv[1]) as source:
    table = pa.ipc.open_stream(source).read_all()
sys.stdout.buffer.write(repr(table.select(sys.argv[2:]).to_pydict()).encode())

"""The records of an event file, in TensorFlow's framing: length, its checksum, bytes, their checksum.

TensorBoard's own reader takes a damaged record for the end of the file and says nothing, so files are cut here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from google_crc32c import value as crc32c

from milepost.migration.report import Problems

MAX_BYTES = 64 * 1024 * 1024
"""Longest record that is read. Those of scalars and texts are short; images and graphs, which may be longer, are
not imported."""

_HEAD = Struct("<QI")
_CHECKSUM = Struct("<I")
_UNFINISHED = "event files that end within a record, as those of killed or running programs do"


def records(path: Path, name: str, problems: Problems) -> Iterator[tuple[int, bytes]]:
    """The records of a file with their places in it, in bytes. What is damaged is left out and reported.

    Args:
        path: The file.
        name: What it is called in reports.
        problems: Where damage goes.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            offset = 0
            while head := file.read(_HEAD.size):
                length, checksum = _HEAD.unpack(head) if len(head) == _HEAD.size else (size, None)
                if checksum is not None and checksum != _masked(head[:8]):
                    rest = f"the rest of the file, {size - offset:,} bytes, is left out"
                    problems.add(name, f"byte {offset}", f"the length of a record is damaged; {rest}.")
                    return
                end = offset + _HEAD.size + length + _CHECKSUM.size
                if end > size:
                    problems.note(_UNFINISHED)
                    return
                if length > MAX_BYTES:
                    problems.add(name, f"byte {offset}", f"a record of {length:,} bytes is too long; left out.")
                    file.seek(end)
                else:
                    data, (checksum,) = file.read(length), _CHECKSUM.unpack(file.read(_CHECKSUM.size))
                    if checksum == _masked(data):
                        yield offset, data
                    else:
                        problems.add(name, f"byte {offset}", f"a record of {length:,} bytes is damaged; left out.")
                offset = end
    except OSError as error:
        problems.add(name, "", f"cannot be read: {error.strerror}; left out.")


def _masked(data: bytes) -> int:
    """The checksum as it is stored: rotated and moved, since checksums of data with checksums are poor."""
    plain: int = crc32c(data)
    return ((plain >> 15 | plain << 17) + 0xA282EAD8) & 0xFFFFFFFF

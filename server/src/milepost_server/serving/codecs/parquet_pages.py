"""What a Parquet file says of its size before anybody unpacks it, so that a small file cannot become a large table.

pyarrow ends the process when it is asked for some metadata of a hostile file, and allocates what a page says that it
needs. So the footer and the headers of pages are read here. Field numbers are those of `parquet.thrift`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from milepost_server.serving.codecs.thrift import Reader

DELTA_BYTE_ARRAY = 7
BYTE_ARRAY = 6

# By the numbers of the physical types: booleans, integers, floats and, for texts, references.
_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, BYTE_ARRAY: 16}
_FIXED_LENGTH, _REPEATED = 7, 2
_INDEX_BYTES = 4
_MAX_FOOTER, _MAX_PAGES = 1 << 20, 20_000


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column without parts.

    Args:
        name: Of the column at the top.
        kind: Number of the physical type.
        width: Bytes of each value once it is read.
        is_dictionary: Whether it can be read as a dictionary, so that each text is there once.
    """

    name: str
    kind: int
    width: int
    is_dictionary: bool


@dataclass(frozen=True, slots=True)
class Footer:
    """The end of a file, which describes the rest.

    Args:
        rows: Number of rows.
        leaves: In the order of the chunks.
        row_groups: For each, its column chunks as structs.
    """

    rows: int
    leaves: list[Leaf]
    row_groups: list[list[dict[int, Any]]]


def read_footer(file: bytes) -> Footer:
    """The footer of a file.

    Raises:
        ValueError, LookupError, TypeError, struct.error: There is none, or a malformed one.
    """
    if len(file) < 12 or file[:4] != b"PAR1" or file[-4:] != b"PAR1":
        raise ValueError("There is no footer.")
    (length,) = struct.unpack("<I", file[-8:-4])
    if length > min(_MAX_FOOTER, len(file) - 12):
        raise ValueError("The footer is too large.")
    footer = Reader(memoryview(file)[len(file) - 8 - length : len(file) - 8]).struct()
    leaves = _leaves(footer[2])
    groups = [[chunk[3] for chunk in group[1]] for group in footer[4]]
    if any(len(chunks) != len(leaves) for chunks in groups):
        raise ValueError("A row group has not the columns of the schema.")
    return Footer(footer[3], leaves, groups)


def _leaves(schema: list[dict[int, Any]]) -> list[Leaf]:
    """The columns of the tree, which the list has from top to bottom."""
    leaves: list[Leaf] = []
    open_children = [schema[0].get(5, 0)]
    name = ""
    for element in schema[1:]:
        while open_children and not open_children[-1]:
            open_children.pop()
        if not open_children:
            raise ValueError("The schema has more columns than it says.")
        open_children[-1] -= 1
        at_top = len(open_children) == 1
        if at_top:
            name = str(element[4], "utf-8")
        if element.get(5):
            open_children.append(element[5])
            continue
        kind = element[1]
        width = element[2] if kind == _FIXED_LENGTH else _WIDTHS[kind]
        plain = at_top and element.get(3) != _REPEATED and "." not in name
        leaves.append(Leaf(name, kind, width, kind == BYTE_ARRAY and plain))
    return leaves


def unpacked_size(file: bytes, footer: Footer, limit: int) -> int:
    """About the bytes that all columns need once they are read, or more than `limit`.

    Raises:
        ValueError, LookupError, TypeError: The file is malformed, or has an encoding that would hide its size.
    """
    view, size, count = memoryview(file), footer.rows, 0
    for chunks in footer.row_groups:
        for leaf, chunk in zip(footer.leaves, chunks, strict=True):
            entries = values = 0
            for unpacked, page_values, in_dictionary in _pages(view, chunk):
                size += unpacked
                entries += unpacked if in_dictionary else 0
                values += page_values
                count += 1
                if size > limit or count > _MAX_PAGES:
                    return limit + 1
            shared = leaf.kind != BYTE_ARRAY or leaf.is_dictionary
            size += values * (leaf.width + _INDEX_BYTES + (0 if shared else entries))
            if size > limit:
                return size
    return size


def _pages(file: memoryview, chunk: dict[int, Any]) -> Iterator[tuple[int, int, bool]]:
    """Of each page of a chunk: its unpacked bytes, its values, and whether it is the dictionary."""
    start, dictionary = chunk[9], chunk.get(11)
    if dictionary is not None and 0 < dictionary < start:
        start = dictionary
    end = start + chunk[7]
    if not 0 <= start <= end <= len(file):
        raise ValueError("A chunk is not in the file.")
    while start < end:
        reader = Reader(file[:end], start)
        header = reader.struct()
        unpacked, packed = header[2], header[3]
        data, in_dictionary = header.get(5) or header.get(8), header.get(7)
        values = data[1] if data else 0
        if packed < 0 or unpacked < 0 or values < 0:
            raise ValueError("A page has no size.")
        if data and data[4 if 8 in header else 2] == DELTA_BYTE_ARRAY:
            raise ValueError("Each text of this encoding may repeat the one before.")
        yield unpacked, values, in_dictionary is not None
        start = reader.at + packed

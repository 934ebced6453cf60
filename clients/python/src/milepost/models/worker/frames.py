"""Messages between the model server and a worker, as bytes. Neither side runs anything that the other sent.

    prefix   1 byte of flags, 3 unused, uint32 length of the JSON, uint64 length of all that follows; little-endian
    JSON     the fields of the message and a description of the payload
    arrays   each at the next multiple of 64 bytes from the start of the JSON, as numpy has it in memory

What follows the prefix lies in a memory file when it is larger than `INLINE_BYTES`. Arrays of objects are in the JSON.
JSON has NaN and infinities as Python writes them, and marks for what it lacks where a flag says so (`plain`).
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from milepost.models.worker.payload import Array, Form, Payload
from milepost.models.worker.plain import NotSendable, mark, unmark

INLINE_BYTES = 64 << 10
MAX_BYTES = 4 << 30
PREFIX = struct.Struct("<BxxxIQ")

_IN_FILE, _MARKED = 1, 2
_ALIGNMENT = 64
_FORMS = ("array", "arrays", "frame", "value")
_DTYPE = re.compile(r"[<>|=][biufcmMUS][0-9]{1,9}(\[[0-9A-Za-z]{1,12}\])?")
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_decode_marked = json.JSONDecoder(object_hook=unmark).decode


@dataclass(slots=True)
class Outgoing:
    """A message that is ready to be sent.

    Args:
        text: The JSON.
        arrays: What follows it, contiguous.
        flags: Of the prefix.
        size: Bytes of all that follows the prefix.
    """

    text: bytes
    arrays: list[Array]
    flags: int
    size: int

    @property
    def in_file(self) -> bool:
        """Whether it must be written to the memory file, `parts` of it, before the prefix is sent."""
        return bool(self.flags & _IN_FILE)

    @property
    def prefix(self) -> bytes:
        """What is sent by the socket of a message in the file."""
        return PREFIX.pack(self.flags, len(self.text), self.size)

    def parts(self) -> list[tuple[int, memoryview]]:
        """Offsets and bytes."""
        parts, start = [(0, memoryview(self.text))], len(self.text)
        for array in self.arrays:
            start = _aligned(start)
            parts.append((start, _bytes_of(array)))
            start += array.nbytes
        return parts

    def inline(self) -> bytes:
        """The whole frame."""
        pieces, start = [self.prefix, self.text], len(self.text)
        for array in self.arrays:
            pieces += (bytes(_aligned(start) - start), array.tobytes())
            start = _aligned(start) + array.nbytes
        return b"".join(pieces)


def encode(fields: Mapping[str, Any], payload: Payload | None = None) -> Outgoing:
    """Makes a message.

    Args:
        fields: Of names other than `payload`; values that JSON has.
        payload: What goes with them.

    Raises:
        NotSendable: The payload holds what cannot be sent, or is too large.
    """
    arrays: list[Array] = []
    members = dict(fields) if payload is None else {**fields, "payload": _described(payload, arrays)}
    flags = 0
    try:
        try:
            text = _encode(members).encode()
        except TypeError:
            text = _encode(mark(members)).encode()
            flags = _MARKED
    except (ValueError, RecursionError):
        raise NotSendable("Lists or mappings hold themselves, or nest too deep to be sent.") from None
    size = len(text)
    for array in arrays:
        size = _aligned(size) + array.nbytes
    if size > MAX_BYTES or len(text) >= 1 << 32:
        raise NotSendable(f"A message of {size} bytes is too large; {MAX_BYTES} bytes can be sent at once.")
    if size > INLINE_BYTES:
        flags |= _IN_FILE
    return Outgoing(text, arrays, flags, size)


@dataclass(frozen=True, slots=True)
class Prefix:
    """The prefix of a message that arrives."""

    text_size: int
    size: int
    in_file: bool
    marked: bool

    @classmethod
    def read(cls, data: bytes | bytearray | memoryview) -> Prefix:
        """Reads the first bytes of a frame.

        Raises:
            ValueError: They are no prefix.
        """
        flags, text_size, size = PREFIX.unpack_from(data)
        in_file = bool(flags & _IN_FILE)
        if flags & ~(_IN_FILE | _MARKED) or text_size > size or size > (MAX_BYTES if in_file else INLINE_BYTES):
            raise ValueError("The prefix of a message is malformed.")
        return cls(text_size, size, in_file, bool(flags & _MARKED))


def decode(prefix: Prefix, body: Any) -> tuple[dict[str, Any], Payload | None]:
    """The fields and the payload of a message. The arrays are views of `body`.

    Args:
        prefix: What came before.
        body: All that follows the prefix, as bytes, bytearray or an array of bytes; never written again.

    Raises:
        ValueError: It is no message.
    """
    try:
        text = bytes(memoryview(body)[: prefix.text_size]).decode("ascii")
        fields = (_decode_marked if prefix.marked else _decode)(text)
        described = fields.pop("payload", None)
        return fields, None if described is None else _payload(described, body, prefix.text_size)
    except (ArithmeticError, AttributeError, KeyError, TypeError, RecursionError, MemoryError) as wrong:
        raise ValueError(f"A message is malformed: {type(wrong).__name__}.") from wrong


def _described(payload: Payload, arrays: list[Array]) -> list[Any]:
    """The payload without its numbers, which are appended to `arrays`."""
    specs: list[Any] = []
    for array in payload.arrays:
        kind = array.dtype.kind
        if kind in "biufcmMUS":
            specs.append((array.dtype.str, array.shape))
            arrays.append(array if array.flags.c_contiguous else np.ascontiguousarray(array))
        elif kind in "OT":
            specs.append(("O", array.shape, array.ravel().tolist()))
        else:
            raise NotSendable(f"An array of dtype {array.dtype} cannot be sent. Answer with a mapping of its fields.")
    return [payload.form, payload.names, payload.block, specs, payload.value]


def _payload(described: Any, body: Any, start: int) -> Payload:
    form, names, block, specs, value = described
    arrays: list[Array] = []
    for dtype, shape, *items in specs:
        if not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError("The shape of an array is malformed.")
        if dtype == "O":
            arrays.append(_objects(items[0], shape))
            continue
        if not _DTYPE.fullmatch(dtype):
            raise ValueError("The dtype of an array is malformed.")
        start = _aligned(start)
        arrays.append(_numbers(body, np.dtype(dtype), shape, start))
        start += arrays[-1].nbytes
    _check_form(form, names, block, arrays)
    return Payload(cast(Form, form), arrays, None if names is None else tuple(names), block, value)


def _check_form(form: Any, names: Any, block: Any, arrays: list[Array]) -> None:
    if form not in _FORMS or type(block) is not bool:
        raise ValueError("A payload has no such form.")
    if names is not None and not all(type(name) is str for name in names):
        raise ValueError("A name is no text.")
    columns = len(arrays)
    if form == "frame" and block:
        if columns != 1 or arrays[0].ndim != 2:
            raise ValueError("A block is one array of two dimensions.")
        columns = arrays[0].shape[1]
    if (form == "array" and columns != 1) or (form == "value" and columns) or (form == "arrays" and names is None):
        raise ValueError("A payload has not the arrays of its form.")
    if names is not None and len(names) != columns:
        raise ValueError("A payload has not as many arrays as names.")


def _objects(items: Any, shape: list[int]) -> Array:
    if type(items) is not list or len(items) != math.prod(shape):
        raise ValueError("An array has not as many items as its shape says.")
    return np.fromiter(items, dtype=object, count=len(items)).reshape(shape)


def _numbers(body: Any, dtype: np.dtype[Any], shape: list[int], start: int) -> Array:
    count = math.prod(shape)
    if count == 0 or dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(body, dtype, count, start).reshape(shape)


def _bytes_of(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT

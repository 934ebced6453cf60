"""Tensors of one element as Python's values."""

from __future__ import annotations

import struct

from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.proto.types_pb2 import DataType

# By data type: the form of the bytes in `tensor_content`, and the list that holds the elements otherwise.
_FORMS = {
    DataType.DT_FLOAT: ("<f", "float_val"),
    DataType.DT_DOUBLE: ("<d", "double_val"),
    DataType.DT_HALF: ("<e", "half_val"),
    DataType.DT_INT8: ("<b", "int_val"),
    DataType.DT_UINT8: ("<B", "int_val"),
    DataType.DT_INT16: ("<h", "int_val"),
    DataType.DT_UINT16: ("<H", "int_val"),
    DataType.DT_INT32: ("<i", "int_val"),
    DataType.DT_INT64: ("<q", "int64_val"),
    DataType.DT_BOOL: ("<?", "bool_val"),
}


def number(tensor: TensorProto) -> float | None:
    """The one number of a tensor. None when it holds something else, or a number that a double cannot."""
    form = _FORMS.get(tensor.dtype)
    if form is None:
        return None
    layout, field = form
    content, values = tensor.tensor_content, getattr(tensor, field)
    if content:
        found = struct.unpack(layout, content)[0] if len(content) == struct.calcsize(layout) else None
    elif len(values) != 1:
        found = None
    elif tensor.dtype == DataType.DT_HALF:  # kept as its 16 bits
        found = struct.unpack("<e", struct.pack("<H", values[0] & 0xFFFF))[0]
    else:
        found = values[0]
    if isinstance(found, int) and int(float(found)) != found:
        return None
    return None if found is None else float(found)


def text(tensor: TensorProto) -> str | None:
    """The text of a tensor; several are lines. None when it holds none."""
    if tensor.dtype != DataType.DT_STRING or not tensor.string_val:
        return None
    return "\n".join(part.decode(errors="replace") for part in tensor.string_val)

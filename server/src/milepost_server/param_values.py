"""Values of params as text."""

from __future__ import annotations

from milepost import v1 as pb


def param_text(value: pb.ParamValue) -> str:
    """A value as clients see it that know text only, and as LIKE does: floats as Python's `repr` writes them."""
    if value.string_value:  # most are, and to ask for the kind takes longer than to look
        return value.string_value
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return repr(value.double_value)
        case "bool_value":
            return "true" if value.bool_value else "false"
        case _:
            return value.json_value

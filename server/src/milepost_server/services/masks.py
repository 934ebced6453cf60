"""Field masks: which fields to return and which to write."""

from __future__ import annotations

from collections.abc import Collection

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field, quote, required_field


def read_fields(resource: type[Message], request: Message) -> frozenset[str] | None:
    """Names of the fields that a request's `read_mask` asks for; None for all.

    Raises:
        InvalidArgument: The mask names what is no field of the resource.
    """
    if not request.HasField("read_mask"):
        return None
    known = resource.DESCRIPTOR.fields_by_name.keys()
    paths: list[str] = list(request.read_mask.paths)  # type: ignore[attr-defined]
    for path in paths:
        if path not in known and path != "*":
            raise _bad_mask("read_mask", path, known)
    return None if "*" in paths or not paths else frozenset(paths)


def written_fields(resource: Message, mask: FieldMask, writable: Collection[str]) -> list[str]:
    """Names of the fields of `resource` that an update writes.

    Args:
        resource: The new values.
        mask: The request's `update_mask`; an absent or empty one stands for the fields that are not empty.
        writable: The fields that may be written.

    Raises:
        InvalidArgument: The mask names a field that may not be written, or nothing would be written.
    """
    if not mask.paths:
        fields = [field.name for field, _ in resource.ListFields() if field.name in writable]
        if not fields:
            raise invalid_field(
                "update_mask",
                f"nothing to write: set one of {', '.join(writable)}, and name it in the mask to empty it",
                reason=pb.ERROR_REASON_BAD_MASK,
            )
        return fields
    if "*" in mask.paths:
        return list(writable)
    for path in mask.paths:
        if path not in writable:
            raise _bad_mask("update_mask", path, writable)
    return list(dict.fromkeys(mask.paths))


def require(field: str, value: str) -> None:
    """Refuses an empty value of a field that an update needs; the proto can require it on create only."""
    if not value:
        raise required_field(field)


def _bad_mask(field: str, path: str, allowed: Collection[str]) -> InvalidArgument:
    return invalid_field(
        field,
        f"{quote(path)} is not a field that this mask may name; use {', '.join(allowed)} or *",
        reason=pb.ERROR_REASON_BAD_MASK,
        path=path,
    )
